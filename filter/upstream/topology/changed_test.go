package topology_test

import (
	"testing"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/test/bubble"
)

// A broker that is asked for a topic that has just changed may not know it yet. What it says is not believed for long.
func TestChangedTopic(t *testing.T) {
	t.Parallel()
	inBubble(t, 1, func(b *bench) {
		partitions := func() int { return len(b.topics("a")[0].Partitions) }
		if got := partitions(); got != 1 {
			t.Fatalf("%d partitions, want 1", got)
		}
		b.cluster.Outdate(true)
		b.cluster.AddPartitions("a", 1, 1)
		b.m.Changed("a")
		if times, _ := b.told("a"); times != 2 {
			t.Errorf("asked %d times, want again", times)
		}
		if got := partitions(); got != 1 {
			t.Errorf("%d partitions, want what the broker still says, 1", got)
		}
		b.cluster.Outdate(false)
		if got := partitions(); got != 3 {
			t.Errorf("%d partitions a moment later, want 3", got)
		}
		bubble.Advance(6 * time.Second)
		_, before := b.cluster.Calls()
		for range 3 {
			partitions()
		}
		if _, asked := b.cluster.Calls(); asked > before+1 {
			t.Errorf("asked %d times when all is settled, want once", asked-before)
		}
	})
}
