package health_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/dial"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/health"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/test/bubble"
)

// A cluster that answers is known at once, nothing is said of it, and it is asked on one connection.
func TestReachable(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b *bench) {
		b.want(health.Unknown)
		if s := b.Snapshot(); s.Watched || s.Error != "" {
			t.Errorf("%+v, want nobody to watch", s)
		}
		b.cluster.SetID("me")
		b.watch()
		b.want(health.Reachable)
		bubble.Advance(5 * time.Minute)
		b.want(health.Reachable)
		b.value("connects", 1)
		b.value("connect_failures", 0)
		s := b.Snapshot()
		if s.ID != "me" || s.Controller != 1 || !s.Watched || s.Error != "" || time.Since(s.Answered) > 10*time.Second {
			t.Errorf("%+v", s)
		}
		brokers := []health.Broker{{Node: 1, Address: "1:9092"}, {Node: 2, Address: "2:9092"}, {Node: 3, Address: "3:9092"}}
		if diff := cmp.Diff(brokers, s.Brokers); diff != "" {
			t.Error(diff)
		}
		b.wantLog()
		b.Rest()
		b.want(health.Reachable) // as it was last
		if b.Snapshot().Watched {
			t.Error("it is still watched")
		}
	})
}

// An outage is found when it begins, said once for all names of the cluster, now and then while it lasts, and when it is over.
func TestOutage(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b *bench) {
		b.watch()
		bubble.Advance(time.Minute)
		for id := range int32(3) {
			b.cluster.Down(id+1, true)
		}
		bubble.Advance(2 * time.Second)
		b.want(health.Unreachable)
		b.wantLog(`level=WARN msg="the cluster is out of reach; trying on" error="connect to `)
		bubble.Advance(4 * time.Minute)
		b.wantLog()
		bubble.Advance(70 * time.Second)
		b.wantLog(`level=WARN msg="the cluster is still out of reach" for=5m`)
		if age := b.count("metadata_age_seconds"); age < 310 || age > 325 {
			t.Errorf("the metadata is %d s old, want a bit more than 310", age)
		}
		for id := range int32(3) {
			b.cluster.Down(id+1, false)
		}
		bubble.Advance(6 * time.Second)
		b.want(health.Reachable)
		b.wantLog(`level=INFO msg="the cluster can be reached again" after=5m1`)
		if s := b.Snapshot(); s.Error == "" || s.Failures != 0 || s.Failed.IsZero() {
			t.Errorf("%+v, want the last error", s)
		}
	})
}

// What brokers that all go down are lost with is the cluster's trouble, and said once.
func TestLossesAreTheClusters(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b *bench) {
		b.watch()
		bubble.Advance(time.Minute)
		for id := range int32(3) {
			b.Lost([]string{"1:9092", "2:9092", "3:9092"}[id], errors.New("EOF"))
			b.NotAsked(errors.New("EOF"))
			b.cluster.Down(id+1, true)
		}
		bubble.Advance(time.Minute)
		b.want(health.Unreachable)
		b.wantLog("the cluster is out of reach; trying on")
	})
}

// Topics that cannot be asked about though the brokers answer are said, once for all workers.
func TestTopicsCannotBeAskedAbout(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b *bench) {
		b.NotAsked(errors.New("too long")) // nobody watches
		b.watch()
		bubble.Advance(time.Minute)
		for range 50 {
			b.NotAsked(errors.New("too long"))
			bubble.Advance(time.Second)
		}
		b.wantLog(`msg="topics cannot be asked about" error="too long"`)
	})
}

// What is wrong from the beginning is known within seconds, also with a broker that says nothing.
func TestNeverReached(t *testing.T) {
	t.Parallel()
	refused := &dial.LoginError{Err: errors.New("the broker refuses our login")}
	for _, tt := range []struct {
		name  string
		says  error
		takes time.Duration
		login bool
		said  string
	}{
		{"nobody listens", errors.New("nobody listens there"), 0, false, `error="connect to 1:9092, 2:9092 and 3:9092: nobody listens there"`},
		{"a wrong password", refused, 0, true, `error="connect to 1:9092, 2:9092 and 3:9092: the broker refuses our login"`},
		{"silence", errors.New("x"), time.Hour, false, `error="connect to 1:9092, 2:9092 and 3:9092: the broker does not answer in time"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, func(b *bench) {
				b.dialler.says, b.dialler.takes = tt.says, tt.takes
				b.watch()
				if tt.takes > 0 {
					b.want(health.Unknown)
					if got := b.Snapshot().Error; got != "no answer yet" {
						t.Errorf("%q, want no answer yet", got)
					}
				}
				bubble.Advance(3100 * time.Millisecond)
				b.want(health.Unreachable)
				b.wantLog(tt.said)
				s := b.Snapshot()
				if !strings.Contains(s.Error, tt.said[len(`error="`):len(tt.said)-1]) || s.Failures == 0 {
					t.Errorf("%+v, want %s", s, tt.said)
				}
				bubble.Advance(100 * time.Second)
				failures := b.count("connect_failures")
				if failures < 3 {
					t.Errorf("%d connect_failures, want some", failures)
				}
				login := b.count("login_failures")
				if tt.login && login != failures || !tt.login && login != 0 {
					t.Errorf("%d login_failures of %d, want all or none", login, failures)
				}
				if tt.login && login > 8*3 {
					t.Errorf("%d failed logins within two minutes, which may lock an account", login)
				}
				b.wantLog()
				b.dialler.say(nil)
				b.dialler.mu.Lock()
				b.dialler.takes = 0
				b.dialler.mu.Unlock()
				bubble.Advance(time.Minute)
				b.want(health.Reachable)
				b.wantLog(`msg="the cluster can be reached again" after=`)
			})
		})
	}
}

func (b *bench) count(name string) int64 {
	for _, s := range b.set.Read() {
		if s.Name == "cluster.c1."+name {
			return s.Value
		}
	}
	return -1
}

// A worker that gets through has the cluster asked at once, whatever the pause is.
func TestWorkersAreHeard(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b *bench) {
		b.dialler.says = &dial.LoginError{Err: errors.New("refused")}
		b.watch()
		bubble.Advance(10 * time.Minute)
		b.want(health.Unreachable)
		b.dialler.say(nil)
		conn, err := b.Client(b.dialler).Dial(t.Context(), "1:9092")
		if err != nil {
			t.Fatal(err)
		}
		conn.Close()
		bubble.Advance(3 * time.Second)
		b.want(health.Reachable)
	})
}

// A certificate of ours that is not there yet has asked no broker for a login, and is not waited for as long as a login that was refused.
func TestOurCertificateIsAwaited(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b *bench) {
		b.dialler.says = &dial.LoginError{Err: &dial.Problem{Part: dial.PartCertificate, Message: "there is no file of this name"}}
		b.watch()
		bubble.Advance(10 * time.Minute)
		b.want(health.Unreachable)
		b.dialler.say(nil)
		bubble.Advance(8 * time.Second)
		b.want(health.Reachable)
	})
}

// A reason that changes is said, but not each time.
func TestReasonChanges(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b *bench) {
		b.dialler.says = errors.New("one")
		b.watch()
		b.wantLog("one")
		b.dialler.say(&dial.LoginError{Err: errors.New("two")})
		bubble.Advance(40 * time.Second)
		b.wantLog(`"the cluster is still out of reach" for=3`)
		for i := range 40 {
			b.dialler.say(errors.New([]string{"three", "four"}[i%2]))
			bubble.Advance(6 * time.Second)
		}
		if got := len(b.log.take()); got > 9 {
			t.Errorf("%d lines in four minutes", got)
		}
	})
}

// A cluster that comes and goes does not fill the log.
func TestRestlessCluster(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b *bench) {
		b.watch()
		flap := func(times int) {
			for i := range times * 2 {
				for id := range int32(3) {
					b.cluster.Down(id+1, i%2 == 0)
				}
				bubble.Advance(10 * time.Second)
			}
		}
		flap(10)
		if got := b.log.take(); len(got) != 2*3 {
			t.Errorf("%d lines of ten outages, want 6:\n%s", len(got), strings.Join(got, "\n"))
		}
		bubble.Advance(6 * time.Minute)
		flap(1)
		b.wantLog(`msg="the cluster came and went" times=7 in=5m0s`, "out of reach", "again")
	})
}

// A cluster that is a mesh may be the very listener, from which nothing ever comes.
func TestWarnsOfMesh(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b *bench) {
		b.cluster.SetID(wire.MeshClusterID)
		b.watch()
		bubble.Advance(50 * time.Second)
		b.wantLog("is a Kafka mesh itself")
	})
}

// What is replaced is used at once, said once, and what is made from it anew.
func TestReplaced(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b *bench) {
		b.watch()
		b.dialler.say(&dial.LoginError{Err: errors.New("the wrong one")})
		b.cluster.Replace()
		bubble.Advance(3 * time.Second)
		b.want(health.Unreachable)
		b.wantLog("certificates or passwords have been replaced", "the wrong one")
		b.dialler.say(nil)
		b.cluster.Replace()
		bubble.Advance(3 * time.Second)
		b.want(health.Reachable)
		b.wantLog("certificates or passwords have been replaced", "can be reached again")
	})
}

// Logins and certificates that are only looked at when somebody connects are tried now and then.
func TestConnectsAnewNowAndThen(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b *bench) {
		b.watch()
		b.dialler.say(&dial.LoginError{Err: errors.New("expired")})
		bubble.Advance(9 * time.Minute)
		b.want(health.Reachable)
		bubble.Advance(2 * time.Minute)
		b.want(health.Unreachable)
	})
}

// A broker that takes no longer than it may, and does not answer, is one that cannot be reached.
func TestSilentCluster(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b *bench) {
		b.watch()
		b.cluster.DelayMetadata(50 * time.Second)
		b.cluster.DelayDials(time.Hour)
		bubble.Advance(25 * time.Second)
		b.want(health.Unreachable)
		b.cluster.DelayDials(0)
		b.cluster.DelayMetadata(0)
		bubble.Advance(time.Minute)
		b.want(health.Reachable)
	})
}

// Bugs cost nothing but time.
func TestPanics(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b *bench) {
		b.dialler.bug = true
		b.watch()
		bubble.Advance(10 * time.Second)
		b.want(health.Reachable)
		if got := b.log.take(); len(got) == 0 || !strings.Contains(got[0], "panic=bug") {
			t.Errorf("%q, want the panic", got)
		}
	})
}

// TestHammer has everything happen at the same time.
func TestHammer(t *testing.T) {
	t.Parallel()
	inBubble(t, func(b *bench) {
		for i := range 300 {
			switch i % 11 {
			case 0:
				go b.Watch(b.dialler)
			case 3:
				b.cluster.Down(int32(i%3+1), true)
			case 5:
				b.cluster.Down(1, false)
				b.cluster.Down(2, false)
				b.cluster.Down(3, false)
			case 7:
				b.cluster.Replace()
			case 9:
				go b.Rest()
			}
			go b.Lost("2:9092", errors.New("EOF"))
			go b.NotAsked(errors.New("EOF"))
			go b.Snapshot()
			go func() {
				if conn, err := b.Client(b.dialler).Dial(t.Context(), "1:9092"); err == nil {
					conn.Close()
				}
			}()
			bubble.Advance(300 * time.Millisecond)
		}
		b.log.take()
	})
}
