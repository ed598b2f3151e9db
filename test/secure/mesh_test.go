package secure

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kafkamesh/envoy-kafka-mesh/test/rawkafka"
	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

const patience = time.Minute

// mesh is the mesh in an Envoy, or alone. What it prints holds no secret.
type mesh struct {
	*stack.Process

	addr string
}

// start runs the mesh in Envoy in front of clusters that are all the same broker, reached in different ways. A topic goes to
// the cluster whose name it begins with.
func start(t *testing.T, clusters ...stack.MeshCluster) *mesh {
	t.Helper()
	m := meshOf(t, clusters...)
	envoy := stack.Envoy(t, stack.EnvoyOptions{Mesh: m})
	return watched(t, &mesh{envoy.Process, m.Addr})
}

// startAlone runs the mesh without Envoy.
func startAlone(t *testing.T, clusters ...stack.MeshCluster) *mesh {
	t.Helper()
	m := meshOf(t, clusters...)
	return watched(t, &mesh{stack.Standalone(t, m).Process, m.Addr})
}

func meshOf(t *testing.T, clusters ...stack.MeshCluster) *stack.Mesh {
	t.Helper()
	m := &stack.Mesh{Addr: stack.Addr(t), Clusters: clusters}
	for _, c := range clusters {
		m.Rules = append(m.Rules, stack.MeshRule{Cluster: c.Name, Prefix: c.Name + "-"})
	}
	return m
}

func watched(t *testing.T, m *mesh) *mesh {
	t.Helper()
	t.Cleanup(func() { wantNoSecret(t, m.Log()) })
	return m
}

// wantNoSecret looks for what must not be printed.
func wantNoSecret(t *testing.T, text string) {
	t.Helper()
	for _, secret := range []string{password, clientSecret, keyPassword, storePassword, wrongPassword, secondPassword, "PRIVATE KEY-", "eyJ"} {
		if strings.Contains(text, secret) {
			t.Errorf("%q is printed", secret)
		}
	}
}

// produce sends count records to a topic, one request after the other, and returns the first error.
func (m *mesh) produce(t *testing.T, topic string, count int) error {
	t.Helper()
	client := stack.Client(t, m.addr, kgo.AllowAutoTopicCreation())
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for i := range count {
		if err := client.ProduceSync(ctx, &kgo.Record{Topic: topic, Value: []byte(strconv.Itoa(i))}).FirstErr(); err != nil {
			return err
		}
	}
	return nil
}

// verify sees that the topic holds count records, once and in order, and nothing behind them.
func verify(t *testing.T, b *stack.KafkaCluster, topic string, count int) {
	t.Helper()
	records := held(t, b, topic)
	for next, r := range records {
		if string(r.Value) != strconv.Itoa(next) {
			t.Fatalf("%s: record %s where %d was due", topic, r.Value, next)
		}
	}
	if len(records) != count {
		t.Fatalf("%s holds %d records, want %d", topic, len(records), count)
	}
}

// held are the records of a topic with one partition, up to its end.
func held(t *testing.T, b *stack.KafkaCluster, topic string) (records []*kgo.Record) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	client := stack.Client(t, b.Addr(), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().AtStart()}}))
	partitions, err := stack.Admin{Client: client}.Partitions(ctx, topic)
	check(t, err)
	if len(partitions) != 1 {
		t.Fatalf("%s has %d partitions, want one", topic, len(partitions))
	}
	answer, err := rawkafka.EndOffsets(topic, 1).RequestWith(ctx, client)
	check(t, err)
	end := answer.Topics[0].Partitions[0]
	check(t, kerr.ErrorForCode(end.ErrorCode))
	for int64(len(records)) < end.Offset {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatalf("%s: %v after %d of %d records", topic, err, len(records), end.Offset)
		}
		records = append(records, fetches.Records()...)
	}
	return records
}

// load produces one record after the other until it is stopped.
type load struct {
	topic string
	stop  context.CancelFunc
	done  chan error
	sent  int

	stored atomic.Int64 // acknowledged so far
}

func (m *mesh) startLoad(t *testing.T, topic string, more ...kgo.Opt) *load {
	t.Helper()
	client, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(m.addr), kgo.AllowAutoTopicCreation()}, more...)...)
	check(t, err)
	ctx, stop := context.WithCancel(t.Context())
	l := &load{topic: topic, stop: stop, done: make(chan error, 1)}
	go func() {
		defer client.Close()
		for ; ctx.Err() == nil; l.sent++ {
			r := &kgo.Record{Topic: topic, Value: []byte(strconv.Itoa(l.sent))}
			if err := client.ProduceSync(context.Background(), r).FirstErr(); err != nil {
				l.done <- err
				return
			}
			l.stored.Add(1)
		}
		l.done <- nil
	}()
	t.Cleanup(stop)
	return l
}

// wantMore waits until so many more records than now are acknowledged, or one has failed.
func (l *load) wantMore(t *testing.T, records int64) {
	t.Helper()
	want := l.stored.Load() + records
	stack.Wait(t, fmt.Sprintf("%d more records in %s", records, l.topic), func() error {
		if got := l.stored.Load(); got < want && len(l.done) == 0 {
			return fmt.Errorf("%d of %d are acknowledged", got, want)
		}
		return nil
	})
}

// finish stops the load and sees that all of it is stored.
func (l *load) finish(t *testing.T, b *broker) {
	t.Helper()
	l.stop()
	if err := <-l.done; err != nil {
		t.Fatalf("record %d: %v", l.sent, err)
	}
	t.Logf("%d records", l.sent)
	verify(t, b.KafkaCluster, l.topic, l.sent)
}

func (m *mesh) wantLog(t *testing.T, text string) {
	t.Helper()
	if err := m.WaitLog(t.Context(), text); err != nil {
		t.Errorf("the log does not hold %q", text)
	}
}
