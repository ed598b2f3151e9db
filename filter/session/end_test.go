package session_test

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/broker"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/cork"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/session"
)

// OnEnd's calls are made once, when the connection is gone and not when it is told to close, in the order in which they came.
func TestOnEnd(t *testing.T) {
	t.Parallel()
	called := ""
	call := func(name string) func() { return func() { called += name } }
	facade := &server{serving: func(c *broker.Call) {
		c.OnEnd(call("r"))
	}}
	s := play(t, facade, &sink{})
	s.OnEnd(call("a"))
	forget := s.OnEnd(call("b"))
	s.Data(request(1))
	s.OnEnd(call("c"))
	facade.answer(0)
	forget()
	s.End()
	if called != "" {
		t.Errorf("called %s before the connection is gone", called)
	}
	s.Closed()
	if called != "arc" {
		t.Errorf("called %s, want arc", called)
	}
	forget = s.OnEnd(call("d"))
	forget()
	if called != "arcd" {
		t.Errorf("called %s, want arcd: it came when the connection was gone", called)
	}
}

// A bug in one call is stopped, and the others are made.
func TestOnEndPanics(t *testing.T) {
	t.Parallel()
	panics, called := 0, false
	common := newCommon(t, func(any, string, ...any) { panics++ })
	s := common.NewWorker(&server{}, nil).NewSession(session.Peer{}, &sink{})
	s.OnEnd(func() { panic("bug") })
	s.OnEnd(func() { called = true })
	s.Closed()
	s.OnEnd(func() { panic("bug") })
	if panics != 2 || !called {
		t.Errorf("%d panics, called %t; want 2, true", panics, called)
	}
}

// closing is a connection that tells when it is to close.
type closing struct {
	sink

	closed chan struct{}
}

func (c *closing) Close() { close(c.closed) }

// A bug ends its connection, and nothing is answered after it, although another goroutine has the session's mutex just then.
func TestPanicBesideOthers(t *testing.T) {
	t.Parallel()
	c := &closing{closed: make(chan struct{})}
	var s *session.Session
	var unlock func()
	common := newCommon(t, func(any, string, ...any) { go unlock() })
	facade := &server{t: t, serving: func(c *broker.Call) {
		c.After(0, func() {
			unlock = session.Lock(s)
			panic("bug")
		})
	}}
	s = common.NewWorker(facade, new(cork.Cork)).NewSession(session.Peer{}, c)
	s.Data(request(1))
	<-c.closed
	facade.answer(0)
	if c.written != 0 {
		t.Error("a request is answered after a bug")
	}
	s.Closed()
}

// pausing is a connection that tells when it is to pause.
type pausing struct {
	sink

	pause func()
}

func (p *pausing) PauseReads(bool) { p.pause() }

// A bug that is met again, while what is left of a connection is cleared away, does not leave the session, and the connection ends.
func TestPanicAfterPanic(t *testing.T) {
	t.Parallel()
	panics := 0
	common := newCommon(t, func(any, string, ...any) { panics++ })
	facade, c := new(server), new(pausing)
	s := common.NewWorker(facade, new(cork.Cork)).NewSession(session.Peer{}, c)
	s.Data(request(1))
	c.pause = func() {
		facade.calls[0].Answer(broker.Answer{Release: func() { panic("bug") }}) // nobody gets it any more
		panic("bug")
	}
	s.Congested(true)
	if panics != 2 || !c.closed {
		t.Errorf("%d panics, closed %t; want 2, true", panics, c.closed)
	}
	s.Closed()
}

// TestHammerOnEnd has calls come, and be forgotten, while the connection goes: each that is not forgotten is made once.
func TestHammerOnEnd(t *testing.T) {
	t.Parallel()
	for range 200 {
		s := play(t, &server{}, &sink{})
		var made, kept atomic.Int64
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				for range 5 {
					s.OnEnd(func() { made.Add(1) })
					kept.Add(1)
					s.OnEnd(func() {})()
				}
			})
		}
		all.Go(s.Closed)
		all.Wait()
		if made.Load() != kept.Load() {
			t.Fatalf("%d calls made, want %d", made.Load(), kept.Load())
		}
	}
}
