package session_test

import (
	"bytes"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/broker"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/session"
)

// raise makes a request a barrier if it has the given id.
func raise(id int32) func(*broker.Call) {
	return func(c *broker.Call) {
		if c.Header.CorrelationID == id {
			c.Barrier()
		}
	}
}

// What comes behind a barrier is not taken until that is answered, however it comes.
func TestBarrier(t *testing.T) {
	t.Parallel()
	for name, send := range map[string]func(s *session.Session, p ...[]byte){
		"together":    func(s *session.Session, p ...[]byte) { s.Data(slices.Concat(p...)) },
		"one by one":  func(s *session.Session, p ...[]byte) { each(p, s.Data) },
		"more follow": func(s *session.Session, p ...[]byte) { each(p, s.DataMore); s.Data(nil) },
		"in pieces": func(s *session.Session, p ...[]byte) {
			each(slices.Collect(slices.Chunk(slices.Concat(p...), 3)), s.Data)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			facade, conn := &server{serving: raise(2)}, &sink{}
			s := play(t, facade, conn)
			defer s.Closed()
			send(s, request(1), request(2), request(3), request(4))
			facade.wantTaken(1, 2)
			facade.answer(0)
			facade.wantTaken(1, 2)
			facade.answer(1)
			facade.wantTaken(1, 2, 3, 4)
			facade.answer(3)
			facade.answer(2)
			if want := 4 * len(answer(0).Frame); conn.written != want {
				t.Errorf("%d bytes of answers, want %d", conn.written, want)
			}
		})
	}
}

func each(pieces [][]byte, do func([]byte)) {
	for _, p := range pieces {
		do(p)
	}
}

// A barrier that is answered before those ahead of it is down, though its answer waits. One that is answered at once never stood.
func TestBarrierAnsweredEarly(t *testing.T) {
	t.Parallel()
	facade, conn := &server{}, &sink{}
	facade.serving = func(c *broker.Call) {
		raise(2)(c)
		if raise(3)(c); c.Header.CorrelationID == 3 {
			c.Answer(answer(3))
			c.Barrier() // too late, and without harm
		}
	}
	s := play(t, facade, conn)
	defer s.Closed()
	s.Data(slices.Concat(request(1), request(2), request(3), request(4)))
	facade.wantTaken(1, 2)
	facade.answer(1)
	facade.wantTaken(1, 2, 3, 4)
	if conn.written != 0 {
		t.Errorf("%d bytes written, want none before the first answer", conn.written)
	}
	facade.answer(0)
	facade.answer(3)
	if want := 4 * len(answer(0).Frame); conn.written != want {
		t.Errorf("%d bytes of answers, want %d", conn.written, want)
	}
}

// A client that ends behind a barrier gets all its answers. One that is gone has nothing more taken.
func TestEndBehindBarrier(t *testing.T) {
	t.Parallel()
	facade, conn := &server{serving: raise(1)}, &sink{}
	s := play(t, facade, conn)
	s.Data(slices.Concat(request(1), request(2)))
	s.End()
	facade.answer(0)
	facade.wantTaken(1, 2)
	if conn.closed {
		t.Error("closed before the last answer")
	}
	facade.answer(1)
	if !conn.closed {
		t.Error("not closed behind the last answer")
	}
	s.Closed()

	facade = &server{serving: raise(1)}
	s = play(t, facade, &sink{})
	s.Data(slices.Concat(request(1), request(2)))
	s.Closed()
	facade.answer(0)
	facade.wantTaken(1)
}

// TestHammerBarrier has requests answered by goroutines of their own, in any order, and some of them be barriers: nothing is taken
// while one stands, and all are answered in order.
func TestHammerBarrier(t *testing.T) {
	t.Parallel()
	const requests = 2000
	var standing atomic.Bool
	var answers sync.WaitGroup
	facade := &server{serving: func(c *broker.Call) {
		if standing.Load() {
			t.Errorf("request %d is taken though a barrier stands", c.Header.CorrelationID)
		}
		barrier := rand.IntN(4) == 0
		if barrier {
			standing.Store(true)
			c.Barrier()
		}
		answers.Go(func() {
			if barrier {
				runtime.Gosched()
				standing.Store(false)
			}
			c.Answer(answer(c.Header.CorrelationID))
		})
	}}
	conn := &keeper{}
	s := play(t, facade, conn)
	var want []byte
	for id := range int32(requests) {
		s.Data(request(id))
		want = append(want, answer(id).Frame...)
	}
	for range 60_000 {
		if conn.length() == len(want) {
			break
		}
		time.Sleep(time.Millisecond) //nolint:forbidigo // it looks again and again
	}
	answers.Wait()
	s.Closed()
	if !bytes.Equal(conn.got, want) {
		t.Errorf("%d bytes of answers, or in another order; want %d", len(conn.got), len(want))
	}
}

// keeper is a connection that keeps what is written. Any goroutine may use it.
type keeper struct {
	sink

	mu  sync.Mutex
	got []byte
}

func (k *keeper) Writev(parts [][]byte, sent func()) bool {
	if sent != nil {
		defer sent()
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.got = append(k.got, slices.Concat(parts...)...)
	return false
}

func (k *keeper) length() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.got)
}
