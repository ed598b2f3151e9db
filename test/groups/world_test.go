package groups

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// shared are the clusters of all tests: apples are at the home of groups, bananas at the other.
var shared struct {
	once          sync.Once
	err           error
	home, another *stack.KafkaBrokers
}

// world is the clusters and a mesh before them.
type world struct {
	home, another *stack.KafkaBrokers
	mesh          stack.Mesh
	process       *stack.StandaloneProcess
}

func newWorld(t *testing.T) *world {
	t.Helper()
	shared.once.Do(func() {
		start := func(cluster **stack.KafkaBrokers) error {
			var err error
			*cluster, err = stack.StartBrokers(context.Background(), 2, stack.KafkaOptions{Properties: map[string]string{
				"offsets.topic.num.partitions": "8", "group.initial.rebalance.delay.ms": "0", "group.min.session.timeout.ms": "1000",
				"offsets.retention.minutes": "1", "offsets.retention.check.interval.ms": "1000", "min.insync.replicas": "1",
				"group.consumer.heartbeat.interval.ms": "500", "group.consumer.min.heartbeat.interval.ms": "500",
			}}, nil)
			return err
		}
		var other error
		var starting sync.WaitGroup
		starting.Go(func() { other = start(&shared.another) })
		shared.err = start(&shared.home)
		starting.Wait()
		shared.err = errors.Join(shared.err, other)
	})
	stack.Check(t, shared.err)
	port, err := stack.FreePort()
	stack.Check(t, err)
	w := &world{
		home: shared.home, another: shared.another,
		mesh: stack.TwoClusters(stack.Local(port), shared.home.Addr(), shared.another.Addr()),
	}
	w.start(t)
	return w
}

func stopShared() error {
	for _, cluster := range []*stack.KafkaBrokers{shared.home, shared.another} {
		if cluster != nil {
			cluster.Close()
		}
	}
	return nil
}

// start starts a mesh, which ends with the test.
func (w *world) start(t *testing.T) {
	t.Helper()
	p, err := stack.StartStandalone(t.Context(), &w.mesh)
	stack.Check(t, err)
	w.process = p
	t.Cleanup(func() {
		p.Close()
		if t.Failed() {
			t.Logf("the mesh's log:\n%s", p.Log())
		}
	})
}

// replace kills the mesh and starts another.
func (w *world) replace(t *testing.T) {
	t.Helper()
	w.process.Kill()
	w.start(t)
}

// topics makes a topic of so many partitions on each cluster.
func (w *world) topics(t *testing.T, name string, partitions int32) (apples, bananas string) {
	t.Helper()
	apples, bananas = "apples-"+name, "bananas-"+name
	for topic, cluster := range map[string]*stack.KafkaBrokers{apples: w.home, bananas: w.another} {
		client, err := cluster.Client()
		stack.Check(t, err)
		stack.Check(t, stack.Admin{Client: client}.CreateTopics(t.Context(), stack.TopicOptions{Partitions: partitions, Replicas: 2}, topic))
		client.Close()
	}
	return apples, bananas
}

// client is a client of the mesh.
func (w *world) client(t *testing.T, more ...kgo.Opt) *kgo.Client {
	t.Helper()
	c, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(w.mesh.Addr)}, more...)...)
	stack.Check(t, err)
	return c
}

// byName has a client ask for offsets by the names of topics, and not by their ids.
//
//nolint:ireturn // kgo has options so
func byName() kgo.Opt {
	v := kversion.Stable()
	v.SetMaxKeyVersion(kmsg.OffsetCommit.Int16(), 9)
	v.SetMaxKeyVersion(kmsg.OffsetFetch.Int16(), 9)
	return kgo.MaxVersions(v)
}

// committed is the offset that a cluster itself has of a group, -1 if none.
func committed(t *testing.T, cluster *stack.KafkaBrokers, group, topic string, partition int32) int64 {
	t.Helper()
	client, err := cluster.Client(byName())
	stack.Check(t, err)
	defer client.Close()
	return offsetIn(t, client, group, topic, partition)
}

// offsetIn is the offset that a client finds of a group, -1 if none.
func offsetIn(t *testing.T, client *kgo.Client, group, topic string, partition int32) int64 {
	t.Helper()
	r := kmsg.NewPtrOffsetFetchRequest()
	g := kmsg.NewOffsetFetchRequestGroup()
	g.Group, g.Topics = group, []kmsg.OffsetFetchRequestGroupTopic{{Topic: topic, Partitions: []int32{partition}}}
	r.Groups = append(r.Groups, g)
	r.Group, r.Topics = group, []kmsg.OffsetFetchRequestTopic{{Topic: topic, Partitions: []int32{partition}}}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	said, err := r.RequestWith(ctx, client)
	stack.Check(t, err)
	if said.Groups[0].ErrorCode != 0 || said.Groups[0].Topics[0].Partitions[0].ErrorCode != 0 {
		t.Fatalf("offsets of %s: %+v", group, said.Groups[0])
	}
	return said.Groups[0].Topics[0].Partitions[0].Offset
}
