package session

import (
	"fmt"
	"sync"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

const (
	// paceParts is in how many parts a request may arrive: one of them is due in each PartialRequestTimeout.
	paceParts = 10
	// hurry is the part of its time that a request has while others wait for room, and least is what it has at least.
	hurry, least = 10, time.Second
	// minFill is for how many bytes it is worth not to copy them once more.
	minFill = 64 << 10
)

// input cuts requests out of what a client sends, and sees that a request that has begun to arrive gets on. The host fills it; a
// timer, or another session of the worker that needs the memory, may end it.
type input struct {
	session *Session // whose checkPace the timer calls
	timeout time.Duration

	mu         sync.Mutex
	framer     wire.Framer
	discarding bool // what else the client sends is dropped

	// The pace of a request that has begun to arrive.
	timer *time.Timer // nil if there is none; it may outlive the request by one timeout
	since time.Time   // when the request last got on
	at    int         // how many bytes of it had come then; 0: no part of a request has come
}

// init makes it the input of s.
func (in *input) init(s *Session) {
	in.session, in.timeout = s, s.common.Limits.PartialRequestTimeout
}

// next cuts the next request off p, if p ends one. It may be as long as most. lean says that memory is short. Without a frame there is no rest.
func (in *input) next(p []byte, most int, lean bool) (frame *wire.Frame, rest []byte, err error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.discarding {
		return nil, nil, nil
	}
	in.framer.Lean, in.framer.MaxBytes = lean, most
	frame, rest, err = in.framer.Next(p)
	switch {
	case frame != nil:
		in.at = 0
	case err == nil:
		in.watch()
	}
	return frame, rest, err
}

// fill has read take what comes next of a large request. It reports false, without a call of read, if there is no room for it.
func (in *input) fill(read func(p []byte) (n int)) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	room := in.framer.Room()
	if in.discarding || len(room) < minFill {
		return false
	}
	if n := read(room); n > 0 {
		in.framer.Advance(n)
		in.watch()
	}
	return true
}

// held is the memory of the request that is not whole.
func (in *input) held() int64 {
	in.mu.Lock()
	defer in.mu.Unlock()
	return int64(in.framer.Held())
}

// discard drops what has come of a request that is not whole, and whatever else comes. It reports false if it was so already.
func (in *input) discard() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.timer != nil {
		in.timer.Stop()
	}
	in.at = 0
	in.framer.Reset()
	first := !in.discarding
	in.discarding = true
	return first
}

// refuse drops whatever else comes, and touches nothing that a bug may have been met in.
func (in *input) refuse() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.discarding = true
}

// watch takes note of how far the request that is arriving has come, and has its pace looked after. mu is held.
func (in *input) watch() {
	have := in.framer.Buffered()
	if in.at > 0 && have-in.at < in.framer.Announced()/paceParts {
		return
	}
	in.at, in.since = have, time.Now()
	if in.timer == nil {
		in.timer = time.AfterFunc(in.shortest(), in.session.checkPace)
	}
}

// shortest is the time in which a request must get on while others wait for room.
func (in *input) shortest() time.Duration { return max(in.timeout/hurry, least) }

// restartPace starts the client's time anew: while its reads were paused it could not get on.
func (in *input) restartPace() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.since = time.Now()
}

// reviewPace says what is wrong with the pace of the request that is arriving, or has it checked again later. The timer has fired. short
// says that others wait for room.
func (in *input) reviewPace(paused, short bool) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.timer = nil
	if in.at == 0 {
		return nil
	}
	if paused {
		in.since = time.Now()
	}
	timeout := in.timeout
	if short {
		timeout = in.shortest()
	}
	if left := timeout - time.Since(in.since); left > 0 {
		in.timer = time.AfterFunc(min(left, in.shortest()), in.session.checkPace)
		return nil
	}
	have, want := in.framer.Buffered(), in.framer.Announced()
	return &wire.Violation{Reason: wire.ReasonSlowRequest, Detail: fmt.Sprintf(
		"%d bytes of a request of %d have come, %d of them in the last %s; at least a tenth was due", have, want, have-in.at, timeout)}
}
