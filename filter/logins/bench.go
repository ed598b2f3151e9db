package logins

import (
	"errors"
	"runtime"
	"slices"
	"sync"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/broker"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/login"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/guard"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// maxWaiting is how many tokens wait at most to be looked at, or for the key that they are signed with.
const maxWaiting = 2048

// maxHands is how many goroutines look at tokens: half of the CPUs, so that clients that are logged in are served meanwhile.
var maxHands = max(1, runtime.GOMAXPROCS(0)/2) //nolint:gochecknoglobals // a constant of the process

// bench is where tokens are looked at that take their time. The zero value works, with panics; any goroutine may use it.
type bench struct {
	panics *guard.Panics

	mu      sync.Mutex
	queue   []*step
	waiting int // steps in the queue, and those that wait for a key
	hands   int // goroutines that look at tokens
	closed  bool
	busy    sync.WaitGroup
}

// step is one token that is looked at. The bench's mutex guards what it changes.
type step struct {
	exchange *exchange
	token    []byte
	done     func(broker.Stepped)

	forget func() // has what is done when the client's connection is gone not be done
	taken  bool   // a goroutine looks at the token
	gone   bool   // the client is, and has been told so
}

// take looks at the token. It returns what has to be waited for first, nil if nothing has.
func (s *step) take() (wait <-chan struct{}) {
	answer, who, err := s.exchange.under.Step(s.token)
	if pending, ok := errors.AsType[*login.Pending](err); ok {
		return pending.Done
	}
	if s.forget != nil {
		s.forget()
	}
	s.done(s.exchange.come(answer, who, err))
	return nil
}

// add has a token be looked at, or nobody be told if the client's end comes first, which onEnd tells of.
func (b *bench) add(s *step, onEnd func(call func()) (forget func())) {
	if !b.place() {
		s.done(broker.Stepped{Err: &wire.Violation{Reason: wire.ReasonMemoryLimit, Detail: "too many clients log in at one time"}})
		return
	}
	s.forget = onEnd(func() { b.drop(s) })
	b.enqueue(s)
}

// place takes a place among those that wait, if there is one.
func (b *bench) place() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.waiting >= maxWaiting || b.closed {
		return false
	}
	b.waiting++
	return true
}

// enqueue has a goroutine take a step that has a place, unless its client is gone. Where the bench is closed, nobody takes it: the client
// is not answered, and is closed with all others.
func (b *bench) enqueue(s *step) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if s.gone || b.closed {
		return
	}
	b.queue = append(b.queue, s)
	if b.hands < maxHands {
		b.hands++
		b.busy.Go(func() { b.panics.Guard("login", b.work) })
	}
}

// work takes steps until there are none.
func (b *bench) work() {
	for s := b.next(); s != nil; s = b.next() {
		var wait <-chan struct{}
		err := b.panics.Attempt("login", func() error {
			wait = s.take()
			return nil
		})
		switch {
		case err != nil:
			s.done(broker.Stepped{Err: err})
		case wait != nil:
			b.wait(s, wait)
		}
	}
}

// next takes out the step that has waited for longest; nil: none waits, and the goroutine ends.
func (b *bench) next() *step {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.queue) == 0 {
		b.queue = nil
		b.hands--
		return nil
	}
	s := b.queue[0]
	b.queue[0] = nil
	b.queue = b.queue[1:]
	b.waiting--
	s.taken = true
	return s
}

// wait has a step be taken again when what it waits for is there.
func (b *bench) wait(s *step, ready <-chan struct{}) {
	b.mu.Lock()
	b.waiting++ // it had a place until it was taken
	s.taken = false
	b.mu.Unlock()
	b.busy.Go(func() {
		b.panics.Guard("login", func() {
			<-ready
			b.enqueue(s)
		})
	})
}

// drop gives the place back of a step whose client is gone, unless it is being taken.
func (b *bench) drop(s *step) {
	b.mu.Lock()
	if s.taken || s.gone {
		b.mu.Unlock()
		return
	}
	s.gone = true
	b.waiting--
	b.queue = slices.DeleteFunc(b.queue, func(q *step) bool { return q == s })
	b.mu.Unlock()
	s.done(broker.Stepped{Err: broker.ErrGone})
}

// close waits until nothing is looked at. What is brought from then on is refused.
func (b *bench) close() {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	b.busy.Wait()
}
