package e2e

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// load is a producer with default settings that sends some thousand records a second to a topic until it is told to stop.
type load struct {
	client *kgo.Client
	topic  string
	stop   context.CancelFunc
	done   chan struct{}
	sent   int
	stored atomic.Int64 // acknowledged so far

	mu       sync.Mutex
	failures []string
}

func startLoad(t *testing.T, addr, topic string, more ...kgo.Opt) *load {
	t.Helper()
	client := stack.Client(t, addr, more...)
	ctx, stop := context.WithCancel(t.Context())
	t.Cleanup(stop)
	l := &load{client: client, topic: topic, stop: stop, done: make(chan struct{})}
	go l.run(ctx)
	return l
}

func (l *load) run(ctx context.Context) {
	defer close(l.done)
	for ctx.Err() == nil {
		for range 10 {
			i := l.sent
			l.sent++
			// The context is not ours: what was sent before the end has to arrive.
			l.client.Produce(context.Background(), record("load", l.topic, i), func(_ *kgo.Record, err error) {
				if err == nil {
					l.stored.Add(1)
					return
				}
				l.mu.Lock()
				defer l.mu.Unlock()
				l.failures = append(l.failures, fmt.Sprintf("%d: %v", i, err))
			})
		}
		time.Sleep(3 * time.Millisecond)
	}
}

// wantMore waits until so many more records than now are acknowledged.
func (l *load) wantMore(t *testing.T, records int64) {
	t.Helper()
	want := l.stored.Load() + records
	stack.Wait(t, fmt.Sprintf("%d more records in %s", records, l.topic), func() error {
		if got := l.stored.Load(); got < want {
			return fmt.Errorf("%d of %d are acknowledged", got, want)
		}
		return nil
	})
}

// finish stops the load, waits until everything is answered, and fails the test if anything failed.
func (l *load) finish(t *testing.T) sending {
	t.Helper()
	l.stop()
	<-l.done
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := l.client.Flush(ctx); err != nil {
		t.Fatalf("flush: %v", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.failures) > 0 {
		t.Fatalf("%d of %d records failed:\n%s", len(l.failures), l.sent, firstLines(strings.Join(l.failures, "\n")))
	}
	t.Logf("%d records", l.sent)
	return sending{client: "load", count: l.sent, topics: []string{l.topic}}
}

// javaLoad is a Java producer that sends a number of records to a topic.
type javaLoad struct {
	cluster cluster
	topic   string
	sent    sending
	done    chan struct{}
	lost    bool // some are not stored
}

func startJava(t *testing.T, addr, broker, topic string, count int) *javaLoad {
	t.Helper()
	l := &javaLoad{cluster: direct(t, broker), topic: topic, done: make(chan struct{})}
	go func() {
		defer close(l.done)
		l.lost = true // if it fails the test
		var got outcome
		l.sent, got = client{"java", runJava}.send(t, addr, count, topic)
		l.lost = got.stored != count
	}()
	return l
}

// wantMore waits until so many more records than now are stored, or all.
func (l *javaLoad) wantMore(t *testing.T, records int64) {
	t.Helper()
	want := l.stored(t) + records
	stack.Wait(t, fmt.Sprintf("%d more records in %s", records, l.topic), func() error {
		select {
		case <-l.done:
			return nil
		default:
		}
		if got := l.stored(t); got < want {
			return fmt.Errorf("%d of %d are stored", got, want)
		}
		return nil
	})
}

func (l *javaLoad) stored(t *testing.T) (records int64) {
	t.Helper()
	for _, p := range l.cluster.partitions(t, l.topic) {
		records += l.cluster.offset(t, l.topic, p.Partition, -1)
	}
	return records
}

// finish waits until all records are stored.
func (l *javaLoad) finish(t *testing.T) sending {
	t.Helper()
	if <-l.done; l.lost {
		t.Fatal("java lost records")
	}
	return l.sent
}
