//go:build onrequest

package tools

import (
	"context"
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// TestMirrorMaker has MirrorMaker 2 copy topics of both clusters, and what a group has committed, into a third cluster.
//
//nolint:tparallel // one way after the other
func TestMirrorMaker(t *testing.T) {
	t.Parallel()
	onEachWay(t, func(t *testing.T, w way) {
		t.Helper()
		target := stack.Kafka(t, stack.KafkaOptions{Properties: map[string]string{"group.initial.rebalance.delay.ms": "0"}})
		apples, bananas, group := w.apples("mirror"), w.bananas("mirror"), "mirror-"+w.name
		w.create(t, []string{apples}, []string{bananas})
		write(t, w.clusters[0], apples, lines(0, 200)...)
		write(t, w.second(), bananas, lines(0, 200)...)
		w.readAll(t, group, 400, apples, bananas)

		config := file(t, t.TempDir(), "mirror", `clusters=mesh, copy
mesh.bootstrap.servers=%s
copy.bootstrap.servers=%s
mesh->copy.enabled=true
mesh->copy.topics=%s, %s
mesh->copy.groups=%s
mesh->copy.sync.group.offsets.enabled=true
copy->mesh.emit.heartbeats.enabled=false
offset-syncs.topic.location=target
sync.group.offsets.interval.seconds=1
emit.checkpoints.interval.seconds=1
replication.factor=1
checkpoints.topic.replication.factor=1
heartbeats.topic.replication.factor=1
offset-syncs.topic.replication.factor=1
offset.storage.replication.factor=1
status.storage.replication.factor=1
config.storage.replication.factor=1
`, w.addr, target.Addr(), apples, bananas, group)
		launch(t, "MirrorMaker", w.java(context.Background(), "org.apache.kafka.connect.mirror.MirrorMaker", config, "--clusters", "copy"))

		copied := stack.Client(t, target.Addr(), kgo.ConsumeTopics("mesh."+apples, "mesh."+bananas))
		count := 0
		stack.Wait(t, "the copies", func() error {
			count += copied.PollFetches(t.Context()).NumRecords()
			if count != 400 {
				return fmt.Errorf("%d of 400 records", count)
			}
			return nil
		})
		admin := stack.Client(t, target.Addr())
		stack.Wait(t, "the group's offsets", func() error {
			found, err := committed(t, admin, group)
			if want := 2 * partitions; err == nil && found != want {
				err = fmt.Errorf("%d of %d partitions have an offset of %s", found, want, group)
			}
			return err
		})
	})
}

// committed is how many partitions a group has committed an offset of.
func committed(t *testing.T, c *kgo.Client, group string) (int, error) {
	t.Helper()
	req := kmsg.NewPtrOffsetFetchRequest()
	one := kmsg.NewOffsetFetchRequestGroup()
	one.Group = group
	req.Groups = append(req.Groups, one)
	answer, err := req.RequestWith(t.Context(), c)
	if err != nil {
		return 0, err
	}
	count := 0
	for _, g := range answer.Groups {
		for _, topic := range g.Topics {
			for _, p := range topic.Partitions {
				if p.Offset > 0 {
					count++
				}
			}
		}
	}
	return count, nil
}

// readAll has a group read that many records of topics, on the way, and commit.
func (w way) readAll(t *testing.T, group string, count int, topics ...string) {
	t.Helper()
	reset := kgo.ConsumeResetOffset(kgo.NewOffset().AtStart())
	member, err := kgo.NewClient(kgo.SeedBrokers(w.addr), kgo.ConsumerGroup(group), kgo.ConsumeTopics(topics...), reset)
	stack.Check(t, err)
	defer member.Close()
	stack.Wait(t, "a group's records", func() error {
		count -= member.PollFetches(t.Context()).NumRecords()
		if count > 0 {
			return fmt.Errorf("%d records are missing", count)
		}
		return nil
	})
	stack.Check(t, member.CommitUncommittedOffsets(t.Context()))
}
