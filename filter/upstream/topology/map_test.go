package topology_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/guard"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/link"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/topology"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/upstreamtest"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/test/bubble"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bench is a map of a scripted cluster, and its owner.
type bench struct {
	t       *testing.T
	cluster *upstreamtest.Cluster
	m       *topology.Map

	mu        sync.Mutex
	learned   []topology.News
	impatient int
	used      []string
	panics    int
	bug       bool
	roundBug  bool
}

func (b *bench) Learned(n *topology.News) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.learned = append(b.learned, *n)
	if b.bug {
		b.bug = false
		panic("bug")
	}
}

func (b *bench) Impatient() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.impatient++
}

func (b *bench) InUse(time.Time, time.Duration) []string { return b.used }

// told is how often the owner was told of a topic, and what last.
func (b *bench) told(name string) (times int, last topology.News) {
	synctest.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, n := range b.learned {
		if slices.Contains(n.Asked, name) {
			times, last = times+1, n
		}
	}
	return times, last
}

// topics asks for topics and waits.
func (b *bench) topics(names ...string) []wire.Topic {
	got := make(chan []wire.Topic, 1)
	b.m.Topics(names, false, func(topics []wire.Topic) { got <- topics })
	return <-got
}

// inBubble runs f with fake time and a map of a cluster of n brokers that has the topic a.
func inBubble(t *testing.T, n int, f func(b *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &bench{t: t, cluster: upstreamtest.New(n)}
		b.cluster.CreateTopic("a", 1)
		b.m = topology.New(b.settings(), b.cluster)
		b.m.Start(b)
		f(b)
		b.m.Close()
		for id := range int32(n) {
			b.cluster.Cut(id + 1)
		}
		bubble.Advance(time.Minute) // for answers that nobody waits for any more
	})
}

func (b *bench) settings() topology.Settings {
	return topology.Settings{
		Cluster: "c1", MaxAge: 15 * time.Minute, Backoff: 100 * time.Millisecond, BackoffMax: 10 * time.Second, Refreshed: b.refreshed,
		RefreshInterval: time.Hour,
		Bootstrap:       func(context.Context) []string { return []string{"bootstrap:1"} },
		Link: link.Settings{ClientID: "test", Panics: guard.Panics{Caught: func(string, any, []byte) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.panics++
		}}},
	}
}

func (b *bench) refreshed() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.roundBug {
		b.roundBug = false
		panic("bug")
	}
}

// While its cluster does not answer a map asks on, with pauses that grow, and stops when it does.
func TestAsksOn(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, func(b *bench) {
		b.cluster.Silence(true)
		if got := b.topics("a"); got[0].Code != wire.LeaderNotAvailable {
			t.Errorf("%+v, want LEADER_NOT_AVAILABLE", got)
		}
		begin := time.Now()
		for _, want := range []time.Duration{
			100 * time.Millisecond, 300 * time.Millisecond, 700 * time.Millisecond, 1500 * time.Millisecond, 3100 * time.Millisecond,
			6300 * time.Millisecond, 12700 * time.Millisecond, 22700 * time.Millisecond, 32700 * time.Millisecond,
		} {
			synctest.Wait()
			_, before := b.cluster.Calls()
			bubble.Advance(want - time.Since(begin) - time.Millisecond)
			synctest.Wait()
			if _, asked := b.cluster.Calls(); asked != before {
				t.Errorf("asked before %s have passed", want)
			}
			bubble.Advance(time.Millisecond)
			synctest.Wait()
			if _, asked := b.cluster.Calls(); asked != before+1 {
				t.Errorf("asked %d times after %s, want once", asked-before, want)
			}
		}
		bubble.Advance(24 * time.Hour)
		b.cluster.Silence(false)
		bubble.Advance(11 * time.Second)
		if got := b.topics("a"); got[0].Code != wire.None {
			t.Errorf("%+v, want the topic", got)
		}
		_, before := b.cluster.Calls()
		bubble.Advance(time.Minute)
		if _, asked := b.cluster.Calls(); asked != before {
			t.Errorf("asked %d times more though it answers", asked-before)
		}
	})
}

// Whatever the cluster does, who asks about a topic is told.
func TestAlwaysComesBack(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		before func(b *bench)
		after  func(b *bench)
		failed bool
	}{
		{"an answer", func(*bench) {}, func(*bench) {}, false},
		{"a cluster that is away", func(b *bench) { b.cluster.Silence(true) }, func(*bench) {}, true},
		{"brokers that are down", func(b *bench) { b.cluster.Down(1, true) }, func(*bench) {}, true},
		{"an answer that is late", func(b *bench) { b.cluster.DelayMetadata(9 * time.Second) }, func(*bench) { bubble.Advance(9 * time.Second) }, false},
		{"an answer that is too late", func(b *bench) { b.cluster.DelayMetadata(20 * time.Second) }, func(*bench) { bubble.Advance(time.Minute) }, true},
		{"a map that is closed", func(b *bench) { b.cluster.DelayMetadata(9 * time.Second) }, func(b *bench) { b.m.Close() }, true},
		{"a map that was closed", func(b *bench) { b.m.Close() }, func(*bench) {}, true},
		{"a map that is drained", func(b *bench) { b.m.Drain() }, func(*bench) {}, false},
		{"a bug in the round", func(b *bench) { b.roundBug = true }, func(*bench) { bubble.Advance(time.Minute) }, false},
		{"a bug of the owner's", func(b *bench) {
			b.bug = true
			b.m.Ask([]string{"other"}, nil, "")
		}, func(*bench) { bubble.Advance(time.Minute) }, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			for _, known := range []bool{true, false} {
				inBubble(t, 1, func(b *bench) {
					if known {
						b.topics("a")
					}
					before, _ := b.told("a")
					tc.before(b)
					b.m.Ask([]string{"a"}, nil, "")
					tc.after(b)
					times, last := b.told("a")
					if times == before || (last.Err != nil) != tc.failed {
						t.Errorf("known before: %t: told %d times, error %v; want a failure: %t", known, times-before, last.Err, tc.failed)
					}
				})
			}
		})
	}
}

// Everything that is asked about while all kinds of things happen is told of.
func TestHammerAsk(t *testing.T) {
	t.Parallel()
	inBubble(t, 3, func(b *bench) {
		const names = 200
		for i := range names {
			switch i % 17 {
			case 3:
				b.cluster.Silence(true)
			case 5:
				b.cluster.Silence(false)
			case 7:
				b.m.Renew()
			case 9:
				b.cluster.DelayMetadata(3 * time.Second)
			case 11:
				b.cluster.DelayMetadata(0)
			}
			name := fmt.Sprint("t", i)
			if i%2 == 0 {
				b.cluster.CreateTopic(name, 1)
			}
			go b.m.Ask([]string{name}, []string{"a"}, "w")
			go b.m.Topics([]string{name}, i%3 == 0, func([]wire.Topic) {})
			bubble.Advance(50 * time.Millisecond)
		}
		b.cluster.Silence(false)
		b.cluster.DelayMetadata(0)
		bubble.Advance(time.Minute)
		for i := range names {
			if times, _ := b.told(fmt.Sprint("t", i)); times == 0 {
				t.Errorf("t%d was asked about, and is not told of", i)
			}
		}
	})
}

// A cluster that takes its time is told of once in a round.
func TestImpatience(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, func(b *bench) {
		b.cluster.DelayMetadata(5 * time.Second)
		begin := time.Now()
		if got := b.topics("a"); got[0].Code != wire.LeaderNotAvailable || time.Since(begin) != 2*time.Second {
			t.Errorf("%+v after %s, want LEADER_NOT_AVAILABLE after 2 s", got, time.Since(begin))
		}
		if got := b.topics("a"); got[0].Code != wire.LeaderNotAvailable || time.Since(begin) != 2*time.Second {
			t.Errorf("%+v after %s, want LEADER_NOT_AVAILABLE at once", got, time.Since(begin))
		}
		bubble.Advance(4 * time.Second)
		if got := b.topics("a"); got[0].Code != wire.None || b.impatient != 1 {
			t.Errorf("%+v, impatient %d times; want the topic, and once", got, b.impatient)
		}
	})
}

// The connection that is asked on is made anew before its login ends, and when what it is made from is replaced.
func TestGuideIsRenewed(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, func(b *bench) {
		b.topics("a")
		for i := range 3 {
			b.m.Renew()
			b.m.Ask(nil, []string{"a"}, "")
			if times, last := b.told("a"); times != i+2 || last.Err != nil {
				t.Errorf("told %d times, %v; want %d", times, last.Err, i+2)
			}
			if dials, _ := b.cluster.Calls(); dials != i+1 {
				t.Errorf("%d dials, want %d: the broker that is known, once each", dials, i+1)
			}
		}
		b.cluster.Sessions(10 * time.Second)
		b.m.Renew()
		for range 10 {
			bubble.Advance(6 * time.Second)
			b.m.Ask(nil, []string{"a"}, "")
			synctest.Wait()
		}
		if dials, _ := b.cluster.Calls(); dials != 3+5 {
			t.Errorf("%d dials in a minute with logins of 10 s, want 5", dials-3)
		}
	})
}

// A broker that is reached and says nothing does not hide that another answers.
func TestOtherBrokersAreTried(t *testing.T) {
	t.Parallel()
	inBubble(t, 3, func(b *bench) {
		b.topics("a")
		b.m.Renew()
		b.cluster.Deafen(1, true)
		b.cluster.Refuse(2, true)
		b.m.Ask(nil, []string{"a"}, "")
		bubble.Advance(30 * time.Second)
		if times, last := b.told("a"); times != 2 || last.Err != nil {
			t.Errorf("told %d times, %v; want an answer", times, last.Err)
		}
		b.cluster.Deafen(3, true)
		b.cluster.Silence(true)
		b.m.Renew()
		b.m.Ask(nil, []string{"a"}, "")
		bubble.Advance(time.Minute)
		if _, last := b.told("a"); last.Err == nil || errors.Is(last.Err, context.Canceled) {
			t.Errorf("nobody answers: %v, want an error that says so", last.Err)
		}
	})
}

// Names that nobody knows are not kept while the cluster cannot be asked for them.
func TestOutageKeepsNoNames(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, func(b *bench) {
		b.cluster.Silence(true)
		b.topics("b")
		for i := range 1000 {
			name := fmt.Sprint("t", i)
			b.m.Ask(nil, nil, name)
			b.m.Topics([]string{name}, false, func([]wire.Topic) {})
		}
		if topics, stale := b.m.Remembered(); topics != 0 || stale != 0 {
			t.Errorf("%d topics and %d names to ask for, want none", topics, stale)
		}
		b.cluster.Silence(false)
	})
}

// What neither clients nor the owner need is forgotten; the rest is asked for again.
func TestUnusedTopicsAreForgotten(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, func(b *bench) {
		b.cluster.CreateTopic("b", 1)
		b.cluster.CreateTopic("c", 1)
		b.topics("a", "b", "c")
		b.used = []string{"b"}
		bubble.Advance(50 * time.Minute)
		b.topics("c")
		b.topics("c")                    // from memory
		bubble.Advance(11 * time.Minute) // the refresh comes after an hour
		for name, want := range map[string]int{"a": 1, "b": 2, "c": 3} {
			if times, _ := b.told(name); times != want {
				t.Errorf("%s was told of %d times, want %d", name, times, want)
			}
		}
		if topics, _ := b.m.Remembered(); topics != 2 {
			t.Errorf("%d topics are remembered, want 2", topics)
		}
	})
}
