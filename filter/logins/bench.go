package logins

import (
	"errors"
	"net/netip"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/broker"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/login"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/guard"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

const (
	// maxWaiting is how many tokens wait at most to be looked at, and how many for the keys that they are signed with.
	maxWaiting = 2048
	// maxFromOne is how many of them are of clients of one network.
	maxFromOne = maxWaiting / 16
	// restOfFailed is for how many times as long as a token has taken that fails the next of its network waits before it is looked at. So
	// guesses of one network take a fifth of one CPU at most. Who logs in from there, too, waits a while, and is disconnected if maxFromOne
	// wait already.
	restOfFailed = 4
)

// maxHands is how many goroutines look at tokens: half of the CPUs, so that clients that are logged in are served meanwhile.
var maxHands = max(1, runtime.GOMAXPROCS(0)/2) //nolint:gochecknoglobals // a constant of the process

// bench is where tokens are looked at that take their time: of one network after the other, so that none waits for all that another has
// sent. The zero value works, with panics; any goroutine may use it.
type bench struct {
	panics *guard.Panics

	mu      sync.Mutex
	lines   map[netip.Addr]*line // by network; of those that have places in them
	turns   []*line              // those that have steps to be taken and do not rest, the next first
	waiting int                  // places in all lines
	pending int                  // steps that wait for keys
	hands   int                  // goroutines that look at tokens
	closed  bool
	busy    sync.WaitGroup
}

// line is what waits of clients of one network. The bench's mutex guards it.
type line struct {
	queue   []*step
	places  int // of the queue, and of steps that are about to come into it
	pending int // steps that wait for keys

	until time.Time   // when the line has rested
	rest  *time.Timer // has it be told so; nil: it does not rest
}

// idle says whether nothing is known of a line.
func (l *line) idle() bool { return l.places == 0 && l.pending == 0 && l.rest == nil }

// full says whether so many of a line may wait no more. All whose network is not known are of one that has no bound of its own.
func full(from netip.Addr, waiting int) bool { return from.IsValid() && waiting >= maxFromOne }

// step is one token that is looked at. The bench's mutex guards what it changes.
type step struct {
	exchange *exchange
	from     netip.Addr // the network of its client
	token    []byte
	done     func(broker.Stepped)

	forget func()        // has what is done when the client's connection is gone not be done
	told   bool          // done is called; of whoever takes it
	taken  bool          // a goroutine looks at the token
	gone   bool          // the client is, and has been told so
	left   chan struct{} // is closed when the client goes while the step waits for a key; nil: it does not
}

// take looks at the token. It returns what has to be waited for first, nil if nothing has, and for how long it took to find that the login
// fails, 0 if it does not.
func (s *step) take() (wait <-chan struct{}, failed time.Duration) {
	begun := time.Now()
	answer, who, err := s.exchange.under.Step(s.token)
	if pending, ok := errors.AsType[*login.Pending](err); ok {
		return pending.Done, 0
	}
	if s.exchange.under.Refused() != nil {
		failed = time.Since(begun)
	}
	s.tell(s.exchange.come(answer, who, err))
	return nil, failed
}

// tell has the client be told what came of its token, unless it is.
func (s *step) tell(what broker.Stepped) {
	if s.told {
		return
	}
	s.told = true
	if s.forget != nil {
		s.forget()
	}
	s.done(what)
}

// tooMany is what a token comes to for which there is no place.
func tooMany() broker.Stepped {
	return broker.Stepped{Err: &wire.Violation{Reason: wire.ReasonMemoryLimit, Detail: "too many clients log in at one time"}}
}

// add has a token be looked at, or nobody be told if the client's end comes first, which onEnd tells of.
func (b *bench) add(s *step, onEnd func(call func()) (forget func())) {
	if !b.place(s) {
		s.done(tooMany())
		return
	}
	s.forget = onEnd(func() { b.drop(s) })
	b.mu.Lock()
	defer b.mu.Unlock()
	b.enqueue(s)
}

// place takes a place among those that wait, if there is one.
func (b *bench) place(s *step) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed || b.waiting >= maxWaiting || b.lines[s.from] != nil && full(s.from, b.lines[s.from].places) {
		return false
	}
	b.line(s.from).places++
	b.waiting++
	return true
}

// line is that of a network.
func (b *bench) line(from netip.Addr) *line {
	l := b.lines[from]
	if l == nil {
		if b.lines == nil {
			b.lines = map[netip.Addr]*line{}
		}
		l = &line{}
		b.lines[from] = l
	}
	return l
}

// leave gives back the place of a step, or that among those that wait for keys.
func (b *bench) leave(s *step) {
	l := b.lines[s.from]
	if s.left != nil {
		l.pending--
		b.pending--
	} else {
		l.places--
		b.waiting--
	}
	b.forget(s.from, l)
}

// forget forgets a line of which nothing is known.
func (b *bench) forget(from netip.Addr, l *line) {
	if l.idle() {
		delete(b.lines, from)
	}
}

// enqueue has a goroutine take a step that has a place, unless its client is gone. Where the bench is closed, nobody takes it: the client
// is not answered, and is closed with all others.
func (b *bench) enqueue(s *step) {
	if s.gone || b.closed {
		return
	}
	l := b.line(s.from)
	if l.queue = append(l.queue, s); len(l.queue) == 1 && l.rest == nil {
		b.turns = append(b.turns, l)
	}
	b.begin()
}

// begin has one goroutine more take steps, if there are any and there may be one.
func (b *bench) begin() {
	if len(b.turns) > 0 && b.hands < maxHands {
		b.hands++
		b.busy.Go(func() { b.panics.Guard("login", b.work) })
	}
}

// replace has another goroutine take steps in place of one that has met a bug.
func (b *bench) replace() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.hands--
	b.begin()
}

// work takes steps until there are none.
func (b *bench) work() {
	ended := false
	defer func() {
		if !ended {
			b.replace()
		}
	}()
	for s := b.next(); s != nil; s = b.next() {
		var wait <-chan struct{}
		var failed time.Duration
		err := b.panics.Attempt("login", func() error {
			wait, failed = s.take()
			return nil
		})
		if failed > 0 {
			b.rest(s.from, restOfFailed*failed)
		}
		switch {
		case err != nil:
			s.tell(broker.Stepped{Err: err})
		case wait != nil && !b.wait(s, wait):
			s.tell(tooMany())
		}
	}
	ended = true
}

// next takes out the step that has waited for longest in the line whose turn it is; nil: none waits, and the goroutine ends.
func (b *bench) next() *step {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.turns) == 0 {
		b.turns = nil
		b.hands--
		return nil
	}
	l := b.turns[0]
	b.turns[0] = nil
	b.turns = b.turns[1:]
	s := l.queue[0]
	l.queue[0] = nil
	if l.queue = l.queue[1:]; len(l.queue) > 0 {
		b.turns = append(b.turns, l)
	}
	b.leave(s)
	s.taken = true
	return s
}

// wait has a step be taken again when the key is there that it waits for. It reports false if too many wait for keys.
func (b *bench) wait(s *step, ready <-chan struct{}) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.pending >= maxWaiting || b.lines[s.from] != nil && full(s.from, b.lines[s.from].pending) {
		return false
	}
	b.line(s.from).pending++
	b.pending++
	left := make(chan struct{})
	s.left, s.taken = left, false
	b.busy.Go(func() {
		b.panics.Guard("login", func() {
			select {
			case <-ready:
				b.again(s)
			case <-left:
			}
		})
	})
	return true
}

// again has a step be taken that has waited for a key, if its client is there yet. It has waited, so there is a place for it.
func (b *bench) again(s *step) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if s.gone {
		return
	}
	b.line(s.from).places++
	b.waiting++
	b.leave(s)
	s.left = nil
	b.enqueue(s)
}

// rest has no step of a network be taken for a while, longer than it rests already. Who is of an unknown one has others to answer for, and
// does not rest.
func (b *bench) rest(from netip.Addr, d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed || !from.IsValid() {
		return
	}
	l := b.line(from)
	if l.rest != nil {
		l.until = l.until.Add(d)
		return
	}
	l.until = time.Now().Add(d)
	l.rest = time.AfterFunc(d, func() { b.panics.Guard("login", func() { b.rested(from, l) }) })
	b.turns = slices.DeleteFunc(b.turns, func(t *line) bool { return t == l })
}

// rested has steps of a line be taken again, if it has not been told to rest for longer meanwhile.
func (b *bench) rested(from netip.Addr, l *line) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return
	}
	if more := time.Until(l.until); more > 0 {
		l.rest.Reset(more)
		return
	}
	l.rest = nil
	if len(l.queue) > 0 {
		b.turns = append(b.turns, l)
		b.begin()
	}
	b.forget(from, l)
}

// drop gives the place back of a step whose client is gone, unless it is being taken.
func (b *bench) drop(s *step) {
	if b.remove(s) {
		s.done(broker.Stepped{Err: broker.ErrGone})
	}
}

// remove takes a step out. It reports false if it is being taken, or is out already.
func (b *bench) remove(s *step) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if s.taken || s.gone {
		return false
	}
	s.gone = true
	if s.left != nil {
		close(s.left)
	}
	l := b.lines[s.from]
	if i := slices.Index(l.queue, s); i >= 0 {
		if l.queue = slices.Delete(l.queue, i, i+1); len(l.queue) == 0 {
			b.turns = slices.DeleteFunc(b.turns, func(t *line) bool { return t == l })
		}
	}
	b.leave(s)
	return true
}

// close waits until nothing is looked at. What is brought from then on is refused.
func (b *bench) close() {
	b.mu.Lock()
	b.closed = true
	for _, l := range b.lines {
		if l.rest != nil {
			l.rest.Stop()
		}
	}
	b.mu.Unlock()
	b.busy.Wait()
}
