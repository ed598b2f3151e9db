package fetch

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/link"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// poll is one Fetch request to a broker. The mutex of its Polls guards what is not said to be otherwise.
type poll struct {
	line       *line
	number     uint64 // of the Fetching that it was made for
	version    int16
	request    wire.FetchRequest // is not changed
	end        time.Time         // when the broker should answer at the latest
	partitions []*partition      // in the order of the request; is not changed
	topics     []int             // which of the request's topics each is of; is not changed
	forgotten  uint64            // of its Polls, when it was made
	// These are of who writes the poll, and then of who tells what comes of it.
	written bool // it was sent, or some of it
	begins  bool // it begins the session of its line
	goesOn  bool // it goes on with that: what is not in the answer is as it was

	frame   *wire.Frame  // the answer, if it has records: of who calls release last
	memory  int          // that it holds
	untaken int          // partitions whose answers are ready
	taking  int          // bytes of records that are being taken together
	holders atomic.Int64 // partitions whose answers are ready, and who takes the answer
	readers atomic.Int64 // the same, and partitions whose answers are read
}

var _ link.Call = (*poll)(nil)

// newPoll makes a poll on a line for partitions of which none has one. of is how many brokers are polled. The mutex is held.
func newPoll(f *Fetching, l *line, given []*partition, of int) *poll {
	q := &poll{line: l, number: f.number, version: f.version, end: f.end, forgotten: l.polls.forgotten}
	r, s := f.request, &l.polls.settings
	q.request = wire.FetchRequest{
		MinBytes: max(r.MinBytes, s.MinBytes), MaxBytes: s.atMost(min(r.MaxBytes, s.maxBytes()), s.MaxBytes), Isolation: r.Isolation,
		SessionEpoch: wire.SessionFinal,
	}
	if least := q.request.MinBytes; least > 1 {
		q.request.MinBytes = (least-1)/int32(of) + 1
	}
	q.name(given)
	l.poll = q
	return q
}

// maxBytes is what a broker is asked for at most, so that its answer can be read, and leaves room for others.
func (s *Settings) maxBytes() int32 {
	return int32(min(int(s.MaxAnswer-min(s.MaxAnswer/2, 4<<20)), s.Room.most()))
}

// API implements link.Call.
func (q *poll) API() (key wire.APIKey, least, most int16) { return wire.KeyFetch, 4, q.version }

// Deadline implements link.Call.
func (q *poll) Deadline() time.Time { return q.end.Add(q.line.polls.settings.Timeout) }

// Append implements link.Call.
func (q *poll) Append(scratch []byte, segments [][]byte, h link.Head) ([]byte, [][]byte) {
	r := q.request
	r.MaxWaitMillis = int32(max(0, time.Until(q.end).Round(time.Millisecond).Milliseconds()))
	q.written = true
	q.line.say(q, h.Version, &r)
	q.stats().Requests.Add(1)
	q.stats().Open.Add(1)
	start := len(scratch)
	scratch = wire.AppendFetchRequest(scratch, wire.FetchHeader{Version: h.Version, CorrelationID: h.CorrelationID, ClientID: h.ClientID}, &r)
	return scratch, append(segments, scratch[start:len(scratch):len(scratch)])
}

// Fail implements link.Call: the line is told that the link has ended.
func (q *poll) Fail(error, bool) {
	if q.written {
		q.stats().Open.Add(-1)
		q.stats().Lost.Add(1)
	}
}

// Answer implements link.Call.
func (q *poll) Answer(a *link.Answer) error {
	q.stats().Open.Add(-1)
	head, results, records, err := q.decode(a.Version, a.Body())
	if err == nil && q.goesOn && isOfSession(head.Code) {
		q.line.session = nil
		q.send() // as one that names all partitions
		return nil
	}
	if err == nil && head.Code != wire.None {
		err = fmt.Errorf("a fetch was answered with %s", head.Code)
	}
	if err == nil && records > 0 {
		kept := a.Kept()
		q.frame, q.memory = a.KeepFrame(), a.Memory()
		if !kept { // it has just been copied
			_, results, _, err = q.decode(a.Version, a.Body())
		}
	}
	if err != nil {
		return err
	}
	q.line.told(q, head.SessionID)
	q.count(results, records)
	q.holders.Store(1)
	q.readers.Store(1)
	defer q.release()
	defer q.leave()
	q.line.polls.answered(q, head.ThrottleMillis, results)
	return nil
}

// name has the poll's request name partitions, those of a topic together.
func (q *poll) name(given []*partition) {
	topicOf := make([]int, len(given))
	var sizes []int
	at := map[topic]int{}
	for i, known := range given {
		if i > 0 && known.at.topic == given[i-1].at.topic {
			topicOf[i] = topicOf[i-1]
		} else if n, there := at[known.at.topic]; there {
			topicOf[i] = n
		} else {
			topicOf[i] = len(q.request.Topics)
			at[known.at.topic] = topicOf[i]
			q.request.Topics = append(q.request.Topics, wire.FetchTopic{Name: known.at.name, ID: known.at.id})
			sizes = append(sizes, 0)
		}
		sizes[topicOf[i]]++
		known.poll, known.state = q, isOpen
	}
	q.partitions, q.topics = make([]*partition, len(given)), make([]int, len(given))
	named := make([]wire.FetchPartition, len(given))
	begins, n := make([]int, len(sizes)), 0 // where each topic's partitions are
	for i, size := range sizes {
		begins[i] = n
		q.request.Topics[i].Partitions = named[n : n : n+size]
		n += size
	}
	for i, known := range given {
		t := &q.request.Topics[topicOf[i]]
		to := begins[topicOf[i]] + len(t.Partitions)
		t.Partitions = append(t.Partitions, known.asked.FetchPartition)
		q.partitions[to], q.topics[to] = known, topicOf[i]
	}
}

// send sends the poll on its line, which is up.
func (q *poll) send() {
	if err := q.line.link.Send(q); err != nil {
		q.line.link.Close(err)
	}
}

func (q *poll) stats() *stats.Fetch { return q.line.polls.settings.Stats }

// count counts an answer, in which so many bytes are records.
func (q *poll) count(results answers, records int) {
	if q.stats().Bytes.Add(int64(records)); records == 0 {
		q.stats().Empty.Add(1)
	}
	for i := range results.told {
		if results.told[i].Code != wire.None {
			q.stats().Failed.Add(1)
		}
	}
}

// decode reads an answer, in which so many bytes are records.
func (q *poll) decode(version int16, body []byte) (head wire.FetchResponse, results answers, records int, err error) {
	d := newDecoder(q, version)
	if head, err = wire.DecodeFetchResponse(version, body, d.take); err != nil {
		return head, answers{}, 0, err
	}
	return head, d.answers, d.records, d.fault
}

// answered takes over what a poll came to.
func (p *Polls) answered(q *poll, throttle int32, results answers) {
	s := p.takeOver(q, throttle, results)
	s.released.drop()
	p.doubt(s.doubted)
	if s.news {
		s.f.news()
	}
	p.park()
	if s.f != nil {
		p.cover(s.f, s.todo)
	}
}

// settled is what is to be done after an answer, when no lock is held.
type settled struct {
	f        *Fetching // that the client waits for; nil: for none
	todo     []*partition
	doubted  []place
	news     bool
	released releases
}

// takeOver takes note of an answer.
func (p *Polls) takeOver(q *poll, throttle int32, results answers) (s settled) {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := q.line
	l.served, l.node.failed = true, 0
	if l.poll == q {
		l.poll = nil
		l.keep(l.session.memory())
	}
	if s.f = p.current; s.f != nil {
		s.f.throttle = max(s.f.throttle, throttle)
	}
	s.todo, s.doubted, s.news = q.settle(s.f, results)
	l.denied = len(s.doubted) > 0
	if q.untaken > 0 {
		p.ready = append(p.ready, q)
	}
	if p.closed {
		s.released = p.dropReady(func(*partition) bool { return true })
	}
	return s
}

// settle gives partitions what was answered for them. It returns those that are to be polled for again, since there is nothing for f;
// partitions whose leaders are doubted; and whether there is news for f. The mutex is held.
func (q *poll) settle(f *Fetching, results answers) (todo []*partition, doubted []place, news bool) {
	var empty []*partition
	for i, known := range q.partitions {
		result := results.of(i)
		if isDoubtful(result.Code) {
			doubted = append(doubted, known.at)
		}
		if known.poll == q || result.HighWatermark > known.marks.high { // the broker may not say it again
			known.learn(result)
		}
		if known.poll != q {
			continue
		}
		if !isNews(result) {
			known.poll, known.state = nil, isEmpty
			empty = append(empty, known)
			continue
		}
		known.becomeReady(q, result)
		if f != nil && known.number == f.number {
			f.count(known)
			news = true
		}
	}
	if f == nil {
		return nil, doubted, false
	}
	again := !news && q.number != f.number && f.left() > leastLeft // one that was made for f has had all of its time
	for _, known := range empty {
		switch {
		case known.number != f.number:
		case again:
			known.state = isOpen
			todo = append(todo, known)
		default:
			f.open--
			news = true
		}
	}
	return todo, doubted, news
}

// lose says that there will be no answer. It returns the partitions that f waits for. The mutex is held.
func (q *poll) lose(f *Fetching) (lost []place) {
	for _, known := range q.giveUp(f) {
		known.state = isLacked
		lost = append(lost, known.at)
	}
	return lost
}

// giveUp takes the poll from its partitions, and returns those that f waits for. The mutex is held.
func (q *poll) giveUp(f *Fetching) (wanted []*partition) {
	for _, known := range q.partitions {
		if known.poll != q || known.state == isReady {
			continue
		}
		known.poll, known.state = nil, isOpen
		if f != nil && known.number == f.number {
			wanted = append(wanted, known)
		}
	}
	return wanted
}

// leave says that the records of one partition have been taken, or dropped: when all have been, the Room counts the answer no longer. No
// lock is held.
func (q *poll) leave() {
	if q.holders.Add(-1) == 0 && q.frame != nil {
		q.line.polls.settings.Room.Give(q.memory)
	}
}

// release says that the records of one partition are not read any more.
func (q *poll) release() {
	if q.readers.Add(-1) == 0 && q.frame != nil {
		q.frame.Release()
	}
}

// park has what is ready, and what is known while the client asks for nothing, leave when there is no room: it is dropped, or goes to the
// client that waits for more.
func (p *Polls) park() {
	parks, stored := p.parks()
	if !parks {
		return
	}
	p.settings.Room.park(p, stored)
	if p.isClosed() { // meanwhile
		p.settings.Room.leave(p)
	}
}

// parks says whether there is something that can leave, and what it holds beside what answers do.
func (p *Polls) parks() (parks bool, stored int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.current == nil { // as long as something is asked for, that request is counted
		stored = p.memory
	}
	return !p.closed && (len(p.ready) > 0 || stored > 0), stored
}

func (p *Polls) isClosed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closed
}

// isDoubtful says whether a broker that answers so may not be the leader.
func isDoubtful(c wire.ErrorCode) bool {
	switch c {
	case wire.UnknownTopicOrPartition, wire.LeaderNotAvailable, wire.NotLeaderOrFollower, wire.ReplicaNotAvailable, wire.KafkaStorageError,
		wire.FencedLeaderEpoch, wire.UnknownLeaderEpoch, wire.UnknownTopicID, wire.InconsistentTopicID:
		return true
	default:
		return false
	}
}
