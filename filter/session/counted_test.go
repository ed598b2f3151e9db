package session_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/config"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/session"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/upstreamtest"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire/wiretest"
)

// sink is a connection that counts what it is told.
type sink struct {
	written        int
	closed         bool
	writes         func() // called by each Writev; nil: nothing is
	pauses, aborts int
}

var _ session.Conn = (*sink)(nil)

func (s *sink) Writev(parts [][]byte, sent func()) bool {
	if sent != nil {
		defer sent()
	}
	for _, p := range parts {
		s.written += len(p)
	}
	if s.writes != nil {
		s.writes()
	}
	return false
}
func (s *sink) Close()          { s.closed = true }
func (s *sink) Abort()          { s.aborts++ }
func (s *sink) PauseReads(bool) { s.pauses++ }

// withFilter runs f with fake time and a filter before one scripted cluster, which has all topics.
func withFilter(t *testing.T, f func(*filter.Filter, *upstreamtest.Cluster)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c, err := config.Parse([]byte(`
upstream_clusters: [{cluster_name: c1, bootstrap_servers: "broker:9092"}]
forwarding_rules: [{target_cluster: c1, topic_prefix: ""}]
`))
		if err != nil {
			t.Fatal(err)
		}
		cluster := upstreamtest.New(1)
		cluster.CreateTopic("apples", 1)
		mesh, err := filter.New(c, filter.Options{
			NewClient: func(upstream.Settings) (upstream.Client, error) { return cluster, nil },
			Stats:     stats.New(filter.Metrics(c)),
			Log:       slog.New(slog.DiscardHandler),
		})
		if err != nil {
			t.Fatal(err)
		}
		f(mesh, cluster)
		mesh.Close()
		cluster.Cut(1)
	})
}

// What a request that was decoded holds is counted, to the last byte that it keeps alive.
//
//nolint:paralleltest // counts what the process holds
func TestCountedIsHeld(t *testing.T) {
	for _, shape := range []string{"one topic", "many topics", "names"} {
		t.Run(shape, func(t *testing.T) {
			withFilter(t, func(f *filter.Filter, cluster *upstreamtest.Cluster) {
				release := cluster.HoldMetadata()
				frame := greedy(shape)
				s := f.NewSession(0, session.Peer{}, &sink{})
				var before, after runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&before)
				s.Data(frame)
				synctest.Wait()
				runtime.GC()
				runtime.ReadMemStats(&after)
				live, counted := int64(after.HeapAlloc)-int64(before.HeapAlloc), session.HeldByWorker(s)
				t.Logf("request of %d KiB: %d KiB live, %d KiB counted", len(frame)>>10, live>>10, counted>>10)
				if live > counted {
					t.Errorf("request of %d bytes: %d bytes live, %d counted", len(frame), live, counted)
				}
				runtime.KeepAlive(frame)
				release()
				synctest.Wait()
				if got := session.HeldByWorker(s); got != 0 {
					t.Errorf("%d bytes counted after all is answered, want 0", got)
				}
				s.Closed()
			})
		})
	}
}

// greedy is a request that is decoded to much more than it is.
func greedy(shape string) []byte {
	small := wiretest.Batch{Records: []wiretest.Record{{}}}.Bytes()
	produce, ask := kmsg.NewPtrProduceRequest(), kmsg.NewPtrMetadataRequest()
	produce.Acks, produce.TimeoutMillis = -1, 1000
	const batches, names = 40_000, 10_000
	switch shape {
	case "one topic":
		topic := kmsg.ProduceRequestTopic{Topic: "pears"}
		for i := range batches {
			topic.Partitions = append(topic.Partitions, kmsg.ProduceRequestTopicPartition{Partition: int32(i), Records: small})
		}
		produce.Topics = append(produce.Topics, topic)
	case "many topics":
		for i := range batches {
			produce.Topics = append(produce.Topics, kmsg.ProduceRequestTopic{
				Topic: fmt.Sprint("pears-", i), Partitions: []kmsg.ProduceRequestTopicPartition{{Records: small}},
			})
		}
	default:
		for i := range names {
			ask.Topics = append(ask.Topics, kmsg.MetadataRequestTopic{Topic: new(fmt.Sprint("pears-", i))})
		}
		return wiretest.Frame(wire.KeyMetadata, 9, 1, "x", ask)
	}
	return wiretest.Frame(wire.KeyProduce, 9, 1, "x", produce)
}

// A panic while a request is served gives back what the request was counted for.
func TestPanicGivesBack(t *testing.T) {
	t.Parallel()
	withFilter(t, func(f *filter.Filter, _ *upstreamtest.Cluster) {
		c := &sink{}
		s := f.NewSession(0, session.Peer{}, c)
		session.BreakServer(s)
		s.Data(wiretest.ProduceFrame(9, 1, "x", "apples", wiretest.Batch{Records: wiretest.Records(1, 100)}.Bytes()))
		synctest.Wait()
		if session.HeldByWorker(s) != 0 || !c.closed || session.InFlight(s) != 0 {
			t.Errorf("%d bytes counted, %d requests in flight, closed %t; want 0, 0, true", session.HeldByWorker(s), session.InFlight(s), c.closed)
		}
		s.Closed()
	})
}

// Many requests in one write are served a slice at a time, and all but the first not on the goroutine that brought them.
func TestSlices(t *testing.T) {
	t.Parallel()
	withFilter(t, func(f *filter.Filter, _ *upstreamtest.Cluster) {
		one := wiretest.Frame(wire.KeyApiVersions, 0, 1, "x", kmsg.NewPtrApiVersionsRequest())
		const requests, slice = 10_000, session.SliceWork/session.RequestWork + 1
		many := bytes.Repeat(one, requests)
		single, first, second := &sink{}, &sink{}, &sink{}
		other, a, b := f.NewSession(0, session.Peer{}, single), f.NewSession(0, session.Peer{}, first), f.NewSession(0, session.Peer{}, second)
		other.Data(one)
		answer := single.written
		release := session.HoldTurns(other)
		a.Data(many)
		b.Data(many)
		other.Data(one)
		if single.written != 2*answer || first.written != slice*answer || second.written != slice*answer {
			t.Errorf("%d, %d and %d answers, want 2, and a slice of %d for who asks for more",
				single.written/answer, first.written/answer, second.written/answer, slice)
		}
		first.writes = func() {
			if ahead := first.written - second.written; ahead > 2*slice*answer {
				t.Errorf("%d answers to the one, %d to the other: they do not take turns", first.written/answer, second.written/answer)
			}
		}
		release()
		synctest.Wait()
		if first.written != requests*answer || second.written != requests*answer || session.HeldByWorker(other) != 0 {
			t.Errorf("%d and %d answers, %d bytes counted; want %d and 0", first.written/answer, second.written/answer, session.HeldByWorker(other), requests)
		}
		for _, s := range []*session.Session{other, a, b} {
			s.Closed()
		}
	})
}

// What is laborious keeps its place among the client's requests, and the host's goroutine does not do it.
func TestLaboriousInOrder(t *testing.T) {
	t.Parallel()
	withFilter(t, func(f *filter.Filter, _ *upstreamtest.Cluster) {
		versions := wiretest.Frame(wire.KeyApiVersions, 0, 1, "x", kmsg.NewPtrApiVersionsRequest())
		set := wiretest.ProduceFrame(2, 2, "x", "apples", []byte{})
		c := &sink{}
		s := f.NewSession(0, session.Peer{}, c)
		release := session.HoldTurns(s)
		s.Data(slices.Concat(versions, set, versions))
		synctest.Wait()
		first := c.written
		if first == 0 || session.InFlight(s) != 1 || !session.Waits(s) {
			t.Errorf("%d bytes written, %d requests in flight, waiting %t; want the first answer, 1, true",
				first, session.InFlight(s), session.Waits(s))
		}
		release()
		synctest.Wait()
		if c.written <= 2*first || session.InFlight(s) != 0 || session.Waits(s) || session.HeldByWorker(s) != 0 {
			t.Errorf("%d bytes written, %d requests in flight, waiting %t, %d bytes counted; want three answers, 0, false, 0",
				c.written, session.InFlight(s), session.Waits(s), session.HeldByWorker(s))
		}
		s.Data(set)
		s.Closed() // before its turn, or in it
		synctest.Wait()
		if session.HeldByWorker(s) != 0 {
			t.Errorf("%d bytes counted after the end, want 0", session.HeldByWorker(s))
		}
	})
}
