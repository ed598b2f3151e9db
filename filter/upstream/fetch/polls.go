package fetch

import (
	"container/list"
	"sync"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/target"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/guard"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/link"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// Cluster is the cluster that is read. Its methods never wait.
type Cluster interface {
	// Leaders says of each partition, in the order named, who leads it. One that nobody leads has the Leader -1 and a Code.
	Leaders(partitions []wire.TopicPartition, done func([]wire.Partition))
	// Doubt says that a broker denies being what to says.
	Doubt(to target.Broker)
	// OpenOwn begins a link to a broker, whose answers have room. Nil: the cluster is closed.
	OpenOwn(to target.Broker, room link.Room, o link.Owner) *link.Link
	// Address is where a broker is, from memory; empty: nobody knows.
	Address(node int32) string
	// Renewals is how often what links are made from has been replaced.
	Renewals() int64
}

// Settings is what polls are told to be.
type Settings struct {
	// MaxAnswer is the length of the longest answer that a link reads.
	MaxAnswer int32
	// Timeout is how long a broker may take beyond what it was told to wait.
	Timeout time.Duration
	// Backoff is the pause after a broker could not be reached; it doubles up to BackoffMax.
	Backoff, BackoffMax time.Duration
	// MaxWait is the longest that a broker is told to wait, and MinBytes for how many bytes at least; MaxBytes and MaxPartitionBytes are the
	// most that it is asked for. Zero: as the client says.
	MaxWait                               time.Duration
	MinBytes, MaxBytes, MaxPartitionBytes int32
	// SessionPartitions is how many partitions a poll has at least for which a session begins. Zero: ten.
	SessionPartitions int
	// Room bounds the memory of answers.
	Room *Room
	// Stats is what is counted in.
	Stats *stats.Fetch
	// Panics stops those of timers.
	Panics guard.Panics
}

// atMost is what a client wants, or what is configured, if that is less.
func (s *Settings) atMost(wanted, most int32) int32 {
	if most > 0 {
		return min(wanted, most)
	}
	return wanted
}

// Polls are one client's polls into one cluster. Its methods may be called from any goroutine and never wait.
type Polls struct {
	cluster  Cluster
	settings Settings
	parked   *list.Element // in the Room, whose mutex guards it
	stored   int           // what is known, as the Room counts it while this is parked; the same guards it

	mu         sync.Mutex
	closed     bool
	places     map[place]*partition
	memory     int    // that places and lines' sessions hold
	forgotten  uint64 // how often places were
	nodes      map[int32]*node
	current    *Fetching // nil: the client waits for nothing
	last       trail     // the partitions that it last asked for
	fetchings  uint64    // so far
	ready      []*poll   // answered, and not all of it is taken
	retry      *time.Timer
	retryTimed bool
	retryDue   time.Time
}

// New returns the polls of a client who has none yet, and closes them in the end.
func New(c Cluster, s Settings) *Polls {
	return &Polls{cluster: c, settings: s, places: map[place]*partition{}, nodes: map[int32]*node{}}
}

// Fetch has partitions read as a client asks for it, in this version of Fetch at most: then each topic has an id, and in any case a name.
// news is called whenever more is ready, from any goroutine and possibly before Fetch returns. There is one Fetching at a time: Take ends
// it. The request is not changed until then.
func (p *Polls) Fetch(version int16, r *wire.FetchRequest, news func()) *Fetching {
	f := &Fetching{polls: p, version: version, request: r, news: news}
	wait := time.Duration(max(0, r.MaxWaitMillis)) * time.Millisecond
	if most := p.settings.MaxWait; most > 0 && most < wait {
		wait, f.limited = most, true
	}
	f.end = time.Now().Add(wait)
	p.settings.Room.leave(p)
	todo, released := p.begin(f)
	released.drop()
	p.cover(f, todo)
	return f
}

// Close ends the links, and drops what is ready. A Fetching that is there is complete.
func (p *Polls) Close() {
	f, links, released := p.end()
	p.settings.Room.leave(p)
	released.drop()
	for _, l := range links {
		l.Close(errGone)
	}
	if f != nil {
		f.news()
	}
}

// end has nothing begin any more. It returns what the client waits for, and what is to be closed and released.
func (p *Polls) end() (f *Fetching, links []*link.Link, released releases) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for _, n := range p.nodes {
		for _, l := range n.lines {
			links = append(links, l.give()...)
		}
	}
	if p.retry != nil {
		p.retry.Stop()
	}
	return p.current, links, p.dropReady(func(*partition) bool { return true })
}

// locked runs f with the mutex held, which a bug in f does not keep.
func (p *Polls) locked(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
}

// begin takes down what a client asks for now. It returns what nobody is polled for, and what is dropped because it is not asked for any more.
func (p *Polls) begin(f *Fetching) (todo []*partition, released releases) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fetchings++
	f.number, p.current = p.fetchings, f
	n := 0
	for i := range f.request.Topics {
		n += len(f.request.Topics[i].Partitions)
	}
	f.partitions = make([]*partition, 0, n)
	before := p.last
	todo = make([]*partition, 0, n)
	for i := range f.request.Topics {
		t := &f.request.Topics[i]
		for j := range t.Partitions {
			a := asked{t.Partitions[j], f.request.Isolation}
			a.MaxBytes = p.settings.atMost(a.MaxBytes, p.settings.MaxPartitionBytes)
			known := p.place(&before, place{topic{t.Name, t.ID}, a.Partition})
			known.order = len(f.partitions)
			f.partitions = append(f.partitions, known)
			if known.number == f.number { // it is named twice
				continue
			}
			known.number = f.number
			f.open++
			if !known.isFor(a) {
				released.add(known.drop())
				known.asked, known.poll = a, nil
			}
			switch {
			case known.state == isReady:
				f.count(known)
			case known.poll == nil:
				if known.state == isEmpty {
					known.state = isOpen
				}
				todo = append(todo, known)
			}
		}
	}
	p.last.reset(f.partitions)
	p.forget(f, n)
	released = append(released, p.dropReady(func(q *partition) bool { return q.number != f.number })...)
	return todo, released
}

// place is what is known of a partition, which is mostly where the last request had it. p.mu is held.
func (p *Polls) place(before *trail, at place) *partition {
	if known := before.next(at); known != nil {
		return known
	}
	known := p.places[at]
	if known == nil {
		known = &partition{at: at, marks: noMarks}
		p.places[at] = known
		p.memory += at.memory()
	} else {
		before.goOn(known)
	}
	return known
}

// forget forgets partitions that are not asked for any more, if they are many. p.mu is held.
func (p *Polls) forget(f *Fetching, asked int) {
	if len(p.places) <= 2*asked+64 {
		return
	}
	p.forgotten++
	places := make(map[place]*partition, asked) // another one: a map keeps what it has had
	for at, known := range p.places {
		if known.number == f.number || known.state == isReady {
			places[at] = known
		} else {
			known.poll = nil
			p.memory -= at.memory()
		}
	}
	p.places = places
}

// forgetAll forgets all partitions, of which none is asked for or ready: it is as if the client had never asked. p.mu is held.
func (p *Polls) forgetAll() {
	for _, known := range p.places {
		known.poll = nil
	}
	p.places, p.memory = map[place]*partition{}, 0
	p.last.reset(nil)
	p.forgotten++
	for _, n := range p.nodes {
		for _, l := range n.lines {
			if l.poll == nil {
				l.leaveSession()
				l.kept = 0
			}
			p.memory += l.kept
		}
	}
}

// dropReady drops what is ready of some partitions. p.mu is held.
func (p *Polls) dropReady(which func(*partition) bool) (released releases) {
	for _, answered := range p.ready {
		for _, known := range answered.partitions {
			if known.poll == answered && known.state == isReady && which(known) {
				released.add(known.drop())
			}
		}
	}
	p.tidyReady()
	return released
}

// dropUnwanted drops what is ready and not asked for just now, and what is known, if nothing is asked for. A client that waits for more is to
// be told what there is.
func (p *Polls) dropUnwanted() {
	var hastened *Fetching
	var released releases
	p.locked(func() {
		f := p.current
		released = p.dropReady(func(q *partition) bool { return f == nil || q.number != f.number })
		switch {
		case f == nil:
			p.forgetAll()
		case f.bytes > 0:
			f.urgent, hastened = true, f
		}
	})
	released.drop()
	if hastened != nil {
		hastened.news()
	}
}

// tidyReady forgets the polls of which nothing is left to be taken. p.mu is held.
func (p *Polls) tidyReady() {
	left := p.ready[:0]
	for _, answered := range p.ready {
		if answered.untaken > 0 {
			left = append(left, answered)
		}
	}
	clear(p.ready[len(left):])
	p.ready = left
}
