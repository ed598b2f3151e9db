package logins_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/broker"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/login"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/logins"
	"github.com/kafkamesh/envoy-kafka-mesh/test/bubble"
)

// Whoever fills the places of its network is refused, and keeps nobody else waiting for them.
func TestNetworksTakeTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &server{open: make(chan struct{})}
		m := mechanisms(s, false)
		for i := range logins.MaxHands + logins.MaxFromOne {
			c := connect(m, login.Plain)
			c.send("many")
			if synctest.Wait(); len(c.came) != 0 {
				t.Fatalf("number %d is told %+v", i, c.came)
			}
		}
		late, neighbour := connect(m, login.Plain), connectFrom(m, login.Plain, "[::ffff:10.0.0.1]:1")
		late.send("late")
		neighbour.send("late")
		if late.what(t).Err == nil || neighbour.what(t).Err == nil {
			t.Error("one too many of a network is not refused")
		}
		other := connectFrom(m, login.Plain, "10.0.0.2:999")
		other.send("ann")
		for range 2 { // one more of the many, at most, and then the other
			s.open <- struct{}{}
			synctest.Wait()
		}
		s.mu.Lock()
		if !slices.Contains(s.begun, "ann") {
			t.Errorf("another network waits behind %d tokens", logins.MaxFromOne)
		}
		s.mu.Unlock()
		close(s.open)
		m.Close()
		if other.what(t).Who == nil {
			t.Errorf("of the other: %+v", other.came)
		}
	})
}

// Guesses of one network take a fifth of one CPU however many come: the next waits before it is looked at. Who logs in from elsewhere
// meanwhile waits for one guess at most; who does from there waits for the guesses before his, and those that are right for nothing else.
func TestGuessesRest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const work = 2 * time.Millisecond
		s := &server{work: work}
		m := mechanisms(s, false)
		defer m.Close()
		guesses := func() int { return countOf(s, "wrong") }
		for range 100 {
			connect(m, login.Plain).send("wrong")
		}
		neighbour := connect(m, login.Plain)
		neighbour.send("ann")
		bubble.Advance(250 * time.Millisecond)
		const each = work + logins.RestOfFailed*work
		if most := logins.MaxHands + int(250*time.Millisecond/each); guesses() > most || guesses() < most/2 {
			t.Errorf("%d guesses are looked at in 250 ms, want %d at most, and half of them", guesses(), most)
		}
		begun := time.Now()
		for i := range 20 {
			c := connectFrom(m, login.Plain, fmt.Sprintf("10.0.0.%d:999", 2+i%2))
			c.send("bob")
			for c.told() == 0 {
				bubble.Advance(time.Millisecond)
			}
		}
		if took := time.Since(begun); took > 20*2*work {
			t.Errorf("20 logins from elsewhere took %v, want %v at most", took, 20*2*work)
		}
		bubble.Advance(100 * each)
		if neighbour.what(t).Who == nil || guesses() != 100 {
			t.Errorf("in the end %d guesses are looked at, and of who logs in beside them: %+v", guesses(), neighbour.came)
		}
		connect(m, login.Plain).send("wrong") // its network rests when the mechanisms are closed
		bubble.Advance(work)
	})
}

// countOf is how often a token has been looked at.
func countOf(s *server, token string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.begun {
		if t == token {
			n++
		}
	}
	return n
}

// Tokens that wait for a key take no places of others, are bounded themselves, and those of clients that are gone wait for nothing.
func TestPendingTokensTakeNoPlaces(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := mechanisms(&server{key: make(chan struct{})}, false)
		var waiting []*client
		for range logins.MaxFromOne {
			c := connect(m, login.OAuthBearer)
			c.send("pending")
			synctest.Wait()
			waiting = append(waiting, c)
		}
		late, known, other := connect(m, login.OAuthBearer), connect(m, login.OAuthBearer), connectFrom(m, login.OAuthBearer, "10.0.0.2:999")
		late.send("pending")
		known.send("ann")
		other.send("pending")
		if late.what(t).Err == nil {
			t.Error("one too many that waits for a key is not refused")
		}
		if known.what(t).Who == nil {
			t.Errorf("of one whose key is known: %+v", known.came)
		}
		for _, c := range append(waiting, other) {
			c.end()
			if s := c.what(t); !errors.Is(s.Err, broker.ErrGone) {
				t.Errorf("of one that is gone: %+v", s)
			}
		}
		m.Close() // though no key has come
	})
}

// However many bugs who is told has, tokens are looked at afterwards, and nobody is told twice.
func TestBugsOfWhoIsTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := mechanisms(&server{}, false)
		defer m.Close()
		told := 0
		for i := range 4 * logins.MaxHands {
			c := connect(m, login.Plain)
			c.exch.Step([]byte([]string{"ann", "bug"}[i%2]), c.onEnd, func(broker.Stepped) {
				told++
				panic("bug")
			})
			synctest.Wait()
		}
		if told != 4*logins.MaxHands {
			t.Errorf("told %d times, want %d", told, 4*logins.MaxHands)
		}
		next := connect(m, login.Plain)
		next.send("bug")
		last := connect(m, login.Plain)
		last.send("ann")
		if next.what(t).Err == nil || last.what(t).Who == nil {
			t.Errorf("of the next: %+v and %+v", next.came, last.came)
		}
	})
}
