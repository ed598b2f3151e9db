package session_test

import (
	"encoding/binary"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/broker"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/quota"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/session"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/test/bubble"
)

// Who asks for too much is answered at once, told for how long, and then not read from: by version, and where it is told at all.
func TestMuted(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		key     wire.APIKey
		version int16
		told    bool
	}{
		{"ApiVersions 0, which cannot be told", wire.KeyApiVersions, 0, false},
		{"ApiVersions 3", wire.KeyApiVersions, 3, true},
		{"Metadata 2, which cannot be told", wire.KeyMetadata, 2, false},
		{"Metadata 12", wire.KeyMetadata, 12, true},
		{"Heartbeat 4", wire.KeyHeartbeat, 4, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				facade, conn := &server{}, &listener{}
				w, set := limited(t, facade, quota.Rule{Name: "few", Principals: []string{"*"}, Requests: 2})
				s := w.NewSession(session.Peer{}, conn)
				told := int32(0)
				if c.told {
					told = 500
				}
				s.Data(slices.Concat(ask(c.key, c.version, 1, 0), ask(c.key, c.version, 2, 0), ask(c.key, c.version, 3, 0), ask(c.key, c.version, 4, 0)))
				facade.wantTaken(1, 2, 3)
				conn.want(t, c.key, c.version, true, 0, 0, told)
				bubble.Advance(499 * time.Millisecond)
				synctest.Wait()
				facade.wantTaken(1, 2, 3)
				bubble.Advance(time.Millisecond)
				synctest.Wait()
				facade.wantTaken(1, 2, 3, 4)
				conn.want(t, c.key, c.version, true, told)
				bubble.Advance(500 * time.Millisecond)
				synctest.Wait()
				conn.want(t, c.key, c.version, false)
				bubble.Advance(time.Second)
				s.Data(ask(c.key, c.version, 5, 0))
				conn.want(t, c.key, c.version, false, 0)
				s.Closed()
				q := set.Quota("few")
				if q.Throttled.Load() != 2 || q.ThrottleTime.Load() != 1000 {
					t.Errorf("%d requests throttled for %d ms, want 2 for 1000", q.Throttled.Load(), q.ThrottleTime.Load())
				}
			})
		})
	}
}

// Bytes that are written count when they come, those that are read when they are answered; the two have nothing to do with each other.
func TestMutedForBytes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		facade, conn := &server{}, &listener{}
		facade.serving = func(c *broker.Call) {
			if c.Header.Key != wire.KeyFetch {
				answerInKind(c)
				return
			}
			head := wire.AppendFetchResponse(nil, c.Header, wire.FetchResponse{}, nil, 64)
			c.Answer(broker.Answer{Frame: append(head[0], make([]byte, 2500-len(head[0]))...)[:len(head[0]):len(head[0])], Parts: [][]byte{make([]byte, 2500-len(head[0]))}})
		}
		w, _ := limited(t, facade, quota.Rule{Principals: []string{"*"}, ProduceBytes: 1000, FetchBytes: 1000})
		s := w.NewSession(session.Peer{}, conn)
		defer s.Closed()
		s.Data(ask(wire.KeyProduce, 9, 1, 1000))
		conn.want(t, wire.KeyProduce, 9, false, 0)
		s.Data(ask(wire.KeyProduce, 9, 2, 1000))
		conn.want(t, wire.KeyProduce, 9, true, 1000)
		bubble.Advance(time.Second)
		synctest.Wait()
		s.Data(ask(wire.KeyMetadata, 12, 3, 0)) // which is limited by nothing
		conn.want(t, wire.KeyMetadata, 12, false, 0)
		s.Data(ask(wire.KeyProduce, 9, noAnswer, 3000)) // acks=0
		conn.want(t, wire.KeyProduce, 9, true)
		bubble.Advance(3 * time.Second)
		synctest.Wait()
		conn.want(t, wire.KeyProduce, 9, false)
		s.Data(ask(wire.KeyFetch, 12, 4, 0))
		conn.mu.Lock()
		length, paused, throttle := len(conn.got), conn.paused, binary.BigEndian.Uint32(conn.got[9:])
		conn.mu.Unlock()
		if length != 2500 || !paused || throttle != 1500 {
			t.Errorf("a Fetch is answered with %d bytes and a throttle time of %d, paused %v; want 2500, 1500, true: nothing of it is lost", length, throttle, paused)
		}
	})
}

// What is taken already is answered while its client is muted, in order.
func TestMutedAnswersWhatIsTaken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		facade, conn := &server{serving: func(*broker.Call) {}}, &listener{}
		w, _ := limited(t, facade, quota.Rule{Principals: []string{"*"}, Requests: 1})
		s := w.NewSession(session.Peer{}, conn)
		defer s.Closed()
		for id := int32(1); id <= 3; id++ {
			s.Data(ask(wire.KeyMetadata, 12, id, 0))
		}
		facade.wantTaken(1, 2)
		bubble.Advance(300 * time.Millisecond)
		answerInKind(facade.calls[1])
		conn.want(t, wire.KeyMetadata, 12, true)
		answerInKind(facade.calls[0])
		conn.want(t, wire.KeyMetadata, 12, true, 0, 700)
		bubble.Advance(700 * time.Millisecond)
		synctest.Wait()
		facade.wantTaken(1, 2, 3)
		bubble.Advance(2 * time.Second)
		answerInKind(facade.calls[2]) // its time is over: there is nothing to wait for
		conn.want(t, wire.KeyMetadata, 12, false, 0)
	})
}

// Another client of the worker is not read from any less, also if its principal is the same: it has asked for nothing too much.
func TestMutedAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		facade, greedy, other := &server{}, &listener{}, &listener{}
		w, _ := limited(t, facade, quota.Rule{Principals: []string{"*"}, ClientIDs: []string{"x"}, ProduceBytes: 100})
		one, two := w.NewSession(session.Peer{}, greedy), w.NewSession(session.Peer{}, other)
		defer one.Closed()
		defer two.Closed()
		one.Data(ask(wire.KeyProduce, 9, 1, 5000))
		greedy.want(t, wire.KeyProduce, 9, true, 11_000)
		two.Data(ask(wire.KeyMetadata, 12, 2, 0))
		other.want(t, wire.KeyMetadata, 12, false, 0)
		two.Data(ask(wire.KeyProduce, 9, 3, 200)) // and shares the debt when it does
		other.want(t, wire.KeyProduce, 9, true, 11_000)
	})
}

// Who ends is answered what it has sent, when its time is over, and then closed. Who is gone, is gone.
func TestMutedEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		facade, conn := &server{}, &listener{}
		w, _ := limited(t, facade, quota.Rule{Principals: []string{"*"}, Requests: 1})
		s := w.NewSession(session.Peer{}, conn)
		s.Data(slices.Concat(ask(wire.KeyMetadata, 12, 1, 0), ask(wire.KeyMetadata, 12, 2, 0), ask(wire.KeyMetadata, 12, 3, 0)))
		s.End()
		conn.want(t, wire.KeyMetadata, 12, true, 0, 1000)
		if conn.isClosed() {
			t.Error("closed before the last answer")
		}
		bubble.Advance(time.Second)
		synctest.Wait()
		conn.want(t, wire.KeyMetadata, 12, true, 1000)
		if !conn.isClosed() {
			t.Error("not closed behind the last answer")
		}
		s.Closed()

		gone := w.NewSession(session.Peer{}, &listener{})
		gone.Data(slices.Concat(ask(wire.KeyMetadata, 12, 4, 0), ask(wire.KeyMetadata, 12, 5, 0)))
		gone.Closed()
		bubble.Advance(time.Minute)
		synctest.Wait()
		facade.wantTaken(1, 2, 3, 4)
	})
}

// While a client is muted it is neither idle nor late with the rest of a request; afterwards it is.
func TestMutedIsNotIdle(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		part int // of a request that has begun to come
		over time.Duration
	}{
		{"idle", 0, 8 * time.Second},
		{"late", 10, 5 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				facade, conn := &server{}, &listener{}
				w, _ := limited(t, facade, quota.Rule{Principals: []string{"*"}, ProduceBytes: 10})
				s := w.NewSession(session.Peer{}, conn)
				defer s.Closed()
				s.Data(append(ask(wire.KeyProduce, 9, 1, 1000), ask(wire.KeyProduce, 9, 2, 1000)[:c.part]...))
				bubble.Advance(quota.MaxWait)
				synctest.Wait()
				if _, _, paused := conn.answers(); paused || conn.isClosed() {
					t.Fatalf("paused %v, closed %v at the end of its time", paused, conn.isClosed())
				}
				bubble.Advance(c.over - time.Second)
				synctest.Wait()
				if conn.isClosed() {
					t.Error("closed before its time")
				}
				bubble.Advance(10 * time.Second)
				synctest.Wait()
				if !conn.isClosed() {
					t.Error("not closed, though nothing comes")
				}
			})
		})
	}
}

// Nothing counts before a login, nor what a login needs; what comes behind it is the principal's.
func TestQuotaBehindLogin(t *testing.T) {
	t.Parallel()
	rule := func(principal string, requests int64) quota.Rule {
		return quota.Rule{Principals: []string{principal}, Requests: requests, Burst: time.Second}
	}
	for name, login := range map[string][]byte{
		"with a header": slices.Concat(loginHandshake(1), loginToken("ann")), "bare": slices.Concat(loginHandshake(0), bareToken("ann")),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, facade := behindDoor(t, &doorkeeper{}, &listener{}, rule("bob", 1), rule("ann", 2), rule("*", 1))
				defer s.Closed()
				s.Data(slices.Concat(request(1), login, request(2), request(3), request(4), request(5)))
				if got := facade.count(); got != 6 {
					t.Errorf("%d are served, want 6: two of ann's, and the one that is over", got)
				}
				bubble.Advance(500 * time.Millisecond)
				synctest.Wait()
				if got := facade.count(); got != 7 {
					t.Errorf("%d are served, want all 7", got)
				}
			})
		})
	}
}

// TestHammerMuted has clients of few principals ask at the same time, and come and go: all are answered in order, and none for good muted.
func TestHammerMuted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		facade := &server{t: t}
		facade.serving = func(c *broker.Call) { go answerInKind(c) }
		w, _ := limited(t, facade, quota.Rule{Principals: []string{"*"}, Requests: 100, ProduceBytes: 100_000})
		var clients sync.WaitGroup
		for range 8 {
			clients.Go(func() {
				for visit := range 5 {
					conn := &listener{}
					s := w.NewSession(session.Peer{}, conn)
					for id := range int32(20) {
						s.Data(ask(wire.KeyProduce, 9, id, 500))
						bubble.Advance(time.Millisecond)
					}
					if visit%2 == 0 {
						s.End()
					}
					if visit < 4 {
						bubble.Advance(time.Minute)
						ids, _, paused := conn.answers()
						if len(ids) != 20 || !slices.IsSorted(ids) || paused {
							t.Errorf("answers to %d, paused %v", ids, paused)
						}
					}
					s.Closed()
				}
			})
		}
		clients.Wait()
	})
}
