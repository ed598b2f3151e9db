package upstream_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/test/bubble"
)

func (b *bench) topics(names []string, create bool) []wire.Topic {
	done := make(chan []wire.Topic, 1)
	b.way.Topics(names, create, func(got []wire.Topic) { done <- got })
	return <-done
}

// A cluster that does not answer holds nobody up for long, and is found when it answers again.
func TestSlowMetadata(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, func(b *bench) {
		b.cluster.CreateTopic("a", 1)
		b.cluster.CreateTopic("b", 1)
		wantCode(t, "a, known before", b.produce("a", 0, "0"), wire.None)
		release := b.cluster.HoldMetadata()
		start := time.Now()
		batch, done := b.send("b", 0, "0")
		got := b.topics([]string{"a", "b"}, false)
		<-done
		wantCode(t, "b, not known", batch.Result, wire.NotLeaderOrFollower)
		if got[0].Code != wire.None || got[1].Code != wire.LeaderNotAvailable {
			t.Errorf("topics %+v; want a from memory, b not available", got)
		}
		if waited := time.Since(start); waited != 2*time.Second {
			t.Errorf("answered after %s, want 2s", waited)
		}
		start = time.Now()
		wantCode(t, "b, once more", b.produce("b", 0, "0"), wire.NotLeaderOrFollower)
		wantCode(t, "a, whose leader is known", b.produce("a", 0, "1"), wire.None)
		if all := b.topics(nil, false); len(all) != 1 || all[0].Name != "a" {
			t.Errorf("all topics %+v, want those that memory has", all)
		}
		if waited := time.Since(start); waited != 0 {
			t.Errorf("waited %s for a cluster that is known not to answer", waited)
		}
		release()
		synctest.Wait()
		wantCode(t, "b, when the cluster answers", b.produce("b", 0, "0"), wire.None)
	})
}

// A partition without a leader is asked for until it has one: nobody sends to it meanwhile, so nothing else would show.
func TestLeaderlessPartitionIsAskedForAgain(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, func(b *bench) {
		b.cluster.CreateTopic("a", 1, -1)
		if got := b.topics([]string{"a"}, false); got[0].Partitions[1].Leader != -1 {
			t.Fatalf("%+v, want partition 1 without a leader", got)
		}
		b.cluster.Move("a", 1, 1)
		if got := b.topics([]string{"a"}, false); got[0].Partitions[1].Leader != 1 {
			t.Errorf("%+v, want partition 1 led by node 1", got)
		}
	})
}

func TestMetadataOfADeadCluster(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, func(b *bench) {
		b.cluster.Silence(true)
		for range 600 { // clients that ask ten times a second, for a minute
			if got := b.topics([]string{"a"}, true); got[0].Code != wire.LeaderNotAvailable {
				t.Fatalf("%+v, want LEADER_NOT_AVAILABLE", got)
			}
			bubble.Advance(100 * time.Millisecond)
		}
		if _, asked := b.cluster.Calls(); asked > 20 {
			t.Errorf("%d metadata requests in a minute, want the back-off to keep them under 20", asked)
		}
		b.cluster.Silence(false)
		bubble.Advance(10 * time.Second)
		if got := b.topics([]string{"a"}, true); got[0].Code != wire.None {
			t.Errorf("%+v, want a, created", got)
		}
	})
}

func TestTopics(t *testing.T) {
	t.Parallel()
	inBubble(t, 2, func(b *bench) {
		b.cluster.CreateTopic("a", 1, 2)
		got := b.topics([]string{"a", "b"}, false)
		if got[0].Code != wire.None || len(got[0].Partitions) != 2 || got[1].Code != wire.UnknownTopicOrPartition {
			t.Errorf("a, b: %+v", got)
		}
		if got := b.topics([]string{"b"}, true); got[0].Code != wire.None {
			t.Errorf("b with creation: %+v", got)
		}
		_, before := b.cluster.Calls()
		if got := b.topics([]string{"a"}, false); got[0].Code != wire.None {
			t.Errorf("a again: %+v", got)
		}
		if _, after := b.cluster.Calls(); after != before {
			t.Error("a topic just asked for was asked for again")
		}
		if got := b.topics(nil, false); len(got) != 2 {
			t.Errorf("all topics: %+v", got)
		}
		b.cluster.Silence(true)
		got = b.topics([]string{"a", "c"}, false)
		if got[0].Code != wire.None || got[1].Code != wire.LeaderNotAvailable {
			t.Errorf("a, c of a silent cluster: %+v; want a from memory, c unavailable", got)
		}
	})
}

// What has changed upstream is seen by whoever asks some seconds later, without anyone having sent anything.
func TestTopicsThatChange(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, func(b *bench) {
		b.cluster.CreateTopic("a", 1)
		b.cluster.CreateTopic("b", 1)
		b.topics([]string{"a", "b"}, false)
		b.cluster.CreateTopic("a", 1, 1, 1)
		b.cluster.DeleteTopic("b")
		bubble.Advance(5*time.Second + time.Millisecond)
		got := b.topics([]string{"a", "b"}, false)
		if len(got[0].Partitions) != 3 || got[1].Code != wire.UnknownTopicOrPartition {
			t.Errorf("%+v; want a with 3 partitions, b unknown", got)
		}
	})
}

// However many clients ask, one request is on its way.
func TestTopicsAreAskedForOnce(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, func(b *bench) {
		release := b.cluster.HoldMetadata()
		const clients = 100
		done := make(chan struct{}, clients)
		for range clients {
			b.way.Topics([]string{"a"}, true, func([]wire.Topic) { done <- struct{}{} })
		}
		release()
		for range clients {
			<-done
		}
		if _, asked := b.cluster.Calls(); asked > 2 {
			t.Errorf("%d metadata requests for %d clients, want 2 at most", asked, clients)
		}
	})
}

// Topics created, grown and deleted upstream are seen with the refresh interval.
func TestMetadataRefreshes(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, func(b *bench) {
		b.cluster.CreateTopic("a", 1)
		wantCode(t, "before", b.produce("a", 0, "0"), wire.None)
		b.cluster.CreateTopic("a", 1, 1, 1)
		wantCode(t, "not seen yet", b.produce("a", 2, "0"), wire.UnknownTopicOrPartition)
		synctest.Wait()
		wantCode(t, "seen since it was asked for", b.produce("a", 2, "0"), wire.None)
		b.cluster.DeleteTopic("a")
		wantCode(t, "deleted", b.produce("a", 0, "0"), wire.UnknownTopicOrPartition)
	})
}

// A batch that waits for metadata when the cluster is closed, and whose leader nobody has been connected to, is answered, and no lane is
// left for it.
func TestCloseWhileABatchWaits(t *testing.T) {
	t.Parallel()
	inBubble(t, 2, func(b *bench) {
		b.cluster.CreateTopic("a", 1, 2)
		wantCode(t, "produce", b.produce("a", 0, "x"), wire.None)
		release := b.cluster.HoldMetadata()
		b.cluster.Move("a", 0, 2)
		wantCode(t, "a leader that has moved", b.produce("a", 0, "y"), wire.NotLeaderOrFollower)
		batch, done := b.send("a", 1, "z")
		synctest.Wait()
		over, cancel := context.WithCancel(context.Background())
		cancel()
		b.way.Close(over)
		release()
		<-done
		wantCode(t, "closed", batch.Result, wire.NotLeaderOrFollower)
	})
}
