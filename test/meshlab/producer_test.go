//go:build onrequest

package meshlab_test

import (
	"context"
	"fmt"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kafkamesh/envoy-kafka-mesh/test/meshlab"
	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

type netConn = net.Conn

// patience is how long a producer tries.
const patience = 15 * time.Second

// producer is a program in a pod, which is not its sidecar.
func producer(t *testing.T, pod *meshlab.Pod, seed string) *kgo.Client {
	t.Helper()
	c, err := kgo.NewClient(
		kgo.SeedBrokers(seed), kgo.Dialer(pod.Dial), kgo.AllowAutoTopicCreation(), kgo.DefaultProduceTopic("none"),
		kgo.RecordDeliveryTimeout(time.Minute), kgo.RetryTimeout(time.Minute), kgo.MetadataMinAge(100*time.Millisecond),
	)
	stack.Check(t, err)
	t.Cleanup(c.Close)
	return c
}

// load is a producer that sends one record after another until it is ended.
type load struct {
	sent   atomic.Int64
	stop   context.CancelFunc
	failed chan error
}

func newLoad(t *testing.T, c *kgo.Client, topic string) *load {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	l := &load{stop: stop, failed: make(chan error, 1)}
	go func() {
		for ctx.Err() == nil {
			value := fmt.Appendf(nil, "number %d", l.sent.Load())
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			err := c.ProduceSync(ctx, &kgo.Record{Topic: topic, Value: value}).FirstErr()
			if cancel(); err != nil {
				l.failed <- err
				return
			}
			l.sent.Add(1)
		}
		l.failed <- nil
	}()
	return l
}

// more waits until so many more records are stored.
func (l *load) more(t *testing.T, n int64) {
	t.Helper()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for goal, late := l.sent.Load()+n, time.After(time.Minute); l.sent.Load() < goal; {
		select {
		case err := <-l.failed:
			t.Fatalf("record %d: %v", l.sent.Load(), err)
		case <-late:
			t.Fatalf("%d records are stored, want %d", l.sent.Load(), goal)
		case <-ticker.C:
		}
	}
}

// end ends the load, and says how many records were stored.
func (l *load) end(t *testing.T) int {
	t.Helper()
	l.stop()
	if err := <-l.failed; err != nil {
		t.Errorf("record %d: %v", l.sent.Load(), err)
	}
	return int(l.sent.Load())
}

// send sends records to topics, and gives the first error.
func send(ctx context.Context, c *kgo.Client, n int, topics ...string) error {
	var records []*kgo.Record
	for _, topic := range topics {
		for i := range n {
			records = append(records, &kgo.Record{Topic: topic, Value: fmt.Appendf(nil, "%s number %d", topic, i)})
		}
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return c.ProduceSync(ctx, records...).FirstErr()
}
