package session_test

import (
	"slices"
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/broker"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/cork"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/session"
)

// whenNext has the request with this id do something when it is next.
func whenNext(id int32, do func(*broker.Call)) func(*broker.Call) {
	return func(c *broker.Call) {
		if c.Header.CorrelationID == id {
			c.WhenNext(func() { do(c) })
		}
	}
}

// A request's turn comes when all before it are answered, in whatever order, and others are taken meanwhile.
func TestWhenNext(t *testing.T) {
	t.Parallel()
	turns, conn := 0, &sink{}
	facade := &server{serving: whenNext(3, func(c *broker.Call) {
		turns++
		c.Answer(answer(3))
	})}
	s := play(t, facade, conn)
	defer s.Closed()
	s.Data(slices.Concat(request(1), request(2), request(3), request(4)))
	facade.wantTaken(1, 2, 3, 4)
	facade.answer(1)
	facade.answer(3)
	if turns != 0 {
		t.Error("its turn has come before the first is answered")
	}
	facade.answer(0)
	if want := 4 * len(answer(0).Frame); turns != 1 || conn.written != want {
		t.Errorf("%d turns and %d bytes of answers, want 1 and %d", turns, conn.written, want)
	}
	s.Data(request(3))
	if want := 5 * len(answer(0).Frame); turns != 2 || conn.written != want {
		t.Errorf("behind nothing: %d turns and %d bytes, want 2 and %d", turns, conn.written, want)
	}
}

// The turn of a request comes, too, when its client is gone: nothing is left behind.
func TestWhenNextOfAClientThatIsGone(t *testing.T) {
	t.Parallel()
	turns := 0
	count := func(*broker.Call) { turns++ }
	facade := &server{serving: whenNext(2, count)}
	s := play(t, facade, &sink{})
	s.Data(slices.Concat(request(1), request(2), request(2)))
	s.Closed()
	if turns != 2 {
		t.Errorf("%d turns when the client is gone, want 2", turns)
	}
	facade.answer(0)
	facade.calls[1].WhenNext(func() { turns++ })
	if turns != 3 {
		t.Errorf("%d turns, want one at once and none twice", turns)
	}
}

// A bug in a request's turn ends the connection of its client, and what the session does goes on: what comes behind is let go.
func TestWhenNextPanics(t *testing.T) {
	t.Parallel()
	panics, conn := 0, &sink{}
	facade := &server{t: t, serving: func(c *broker.Call) {
		whenNext(2, func(*broker.Call) { panic("bug") })(c)
		whenNext(3, func(c *broker.Call) { c.Answer(answer(3)) })(c)
	}}
	common := newCommon(t, func(any, string, ...any) { panics++ })
	s := common.NewWorker(facade, new(cork.Cork)).NewSession(session.Peer{}, conn)
	s.Data(slices.Concat(request(1), request(2), request(3)))
	facade.answer(0)
	if panics != 1 || !conn.closed {
		t.Errorf("%d panics, closed: %t; want one, and that it is", panics, conn.closed)
	}
	s.Closed()
	facade.answer(1)
	if panics != 1 {
		t.Errorf("%d panics in the end", panics)
	}
}
