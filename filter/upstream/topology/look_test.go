package topology_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/target"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/topology"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/upstreamtest"
	"github.com/kafkamesh/envoy-kafka-mesh/test/bubble"
)

// Who looks is told of the brokers; while the cluster fails, looking ends the pause, which is as long as the settings say.
func TestLook(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &bench{t: t, cluster: upstreamtest.New(3)}
		s := b.settings()
		s.Bootstrap = func(context.Context) []string { return []string{"1:9092"} }
		var paused []int
		s.Pause = func(failed int, err error) time.Duration {
			if err == nil {
				t.Error("a pause without an error")
			}
			paused = append(paused, failed)
			return time.Hour
		}
		ended := 0
		s.Ended = func() { ended++ }
		s.RoundTimeout = func(failed int) time.Duration { return time.Duration(5+failed) * time.Second }
		b.m = topology.New(s, b.cluster)
		b.m.Start(b)
		last := func() topology.News {
			synctest.Wait()
			b.mu.Lock()
			defer b.mu.Unlock()
			return b.learned[len(b.learned)-1]
		}
		look := func() topology.News {
			b.m.Look()
			return last()
		}
		if n := look(); n.Err != nil || len(n.Brokers) != 3 || n.Controller != 1 || ended != 0 {
			t.Errorf("%+v, %d connections ended; want three brokers, and none", n, ended)
		}
		b.cluster.Cut(1)
		synctest.Wait()
		if ended != 1 {
			t.Errorf("%d connections ended, want one", ended)
		}
		b.cluster.DelayDials(time.Hour)
		begin := time.Now()
		b.m.Look()
		bubble.Advance(6 * time.Second)
		b.m.Look()
		bubble.Advance(7 * time.Second)
		if n := last(); n.Err == nil || len(paused) != 2 || paused[1] != 2 {
			t.Errorf("after %s: %v, pauses after failures %v; want two, of five and six seconds", time.Since(begin), n.Err, paused)
		}
		b.cluster.DelayDials(0)
		if n := look(); n.Err != nil {
			t.Error(n.Err)
		}
		b.m.Close()
		for id := range int32(3) {
			b.cluster.Cut(id + 1)
		}
		bubble.Advance(2 * time.Hour)
	})
}

// Whoever waits gets one answer, also when its context ends at the moment when the cluster answers.
func TestAwaitEndsWithItsContext(t *testing.T) {
	t.Parallel()
	for range 20 {
		inBubble(t, 1, func(b *bench) {
			b.cluster.DelayMetadata(time.Second)
			ctx, cancel := context.WithTimeout(b.t.Context(), time.Second)
			defer cancel()
			if addr, err := b.m.Await(ctx, target.Node(1)); (addr == "") != (err != nil) {
				t.Errorf("Await = %q, %v; want an address or an error", addr, err)
			}
			if addr, err := b.m.Await(b.t.Context(), target.Node(1)); addr == "" || err != nil {
				t.Errorf("Await = %q, %v; want an address", addr, err)
			}
		})
	}
}
