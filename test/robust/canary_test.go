package robust

import (
	"context"
	"net"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	// canaryTimeout bounds the wait for one record. It is not a claim about speed: the machine may be busy.
	canaryTimeout = 30 * time.Second
	canaryPause   = 5 * time.Millisecond
)

// canary is a client that behaves and must not notice what others do: no record fails, no connection is lost.
type canary struct {
	client *kgo.Client
	stop   context.CancelFunc
	done   chan struct{}

	sent, lost atomic.Int64
	took       []time.Duration // by each record
	err        error
}

func startCanary(t *testing.T, addr, topic string) *canary {
	t.Helper()
	c := &canary{done: make(chan struct{})}
	client, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.RecordDeliveryTimeout(canaryTimeout),
		kgo.DefaultProduceTopic(topic), kgo.AllowAutoTopicCreation(), kgo.WithHooks(c))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	c.client, c.stop = client, stop
	if err := c.send(ctx); err != nil { // the topic is there
		t.Fatalf("the canary does not live: %v", err)
	}
	c.took = nil
	go c.run(ctx)
	t.Cleanup(func() {
		stop()
		<-c.done
		client.Close()
	})
	return c
}

// OnBrokerDisconnect counts connections lost (kgo.HookBrokerDisconnect).
func (c *canary) OnBrokerDisconnect(kgo.BrokerMetadata, net.Conn) { c.lost.Add(1) }

func (c *canary) send(ctx context.Context) error {
	begun := time.Now()
	err := c.client.ProduceSync(ctx, kgo.StringRecord("alive")).FirstErr()
	c.took = append(c.took, time.Since(begun))
	return err
}

func (c *canary) run(ctx context.Context) {
	defer close(c.done)
	for ctx.Err() == nil {
		if err := c.send(context.WithoutCancel(ctx)); err != nil {
			c.err = err
			return
		}
		c.sent.Add(1)
		time.Sleep(canaryPause)
	}
}

// finish fails the test if the canary has noticed anything.
func (c *canary) finish(t *testing.T) {
	t.Helper()
	c.stop()
	<-c.done
	if c.err != nil || c.sent.Load() == 0 || c.lost.Load() > 0 {
		t.Errorf("the canary stored %d records, lost %d connections: %v", c.sent.Load(), c.lost.Load(), c.err)
	}
	t.Logf("the canary stored %d records: %s at the median, %s at the 99th of 100, the slowest in %s",
		c.sent.Load(), c.quantile(0.5), c.quantile(0.99), c.quantile(1))
}

// quantile is the time within which that part of the records was stored. Call it after finish.
func (c *canary) quantile(part float64) time.Duration {
	sorted := slices.Sorted(slices.Values(c.took))
	if len(sorted) == 0 {
		return 0
	}
	return sorted[int(part*float64(len(sorted)-1))].Round(10 * time.Microsecond)
}
