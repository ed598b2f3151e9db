package wire_test

import (
	"encoding/hex"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

func metadataResponse() *wire.MetadataResponse {
	three := []wire.Partition{
		{Index: 0, Leader: 7, LeaderEpoch: 9},
		{Index: 1, Leader: -1, LeaderEpoch: 3, Code: wire.LeaderNotAvailable},
		{Index: 2, Leader: 1, LeaderEpoch: -1},
	}
	return &wire.MetadataResponse{Host: "mesh.example", Port: 9092, ClusterID: "kafkamesh", Topics: []wire.MetadataTopic{
		{Topic: wire.Topic{Name: "orders", ID: [16]byte{1, 2, 3}, Partitions: three}},
		{Topic: wire.Topic{Name: "inside", Internal: true, Partitions: three}, Most: 2},
		{Topic: wire.Topic{Name: "elsewhere", Partitions: three}, NoEpochs: true},
		{Topic: wire.Topic{Name: "none", Code: wire.UnknownTopicOrPartition, Partitions: three}},
		{Topic: wire.Topic{Code: wire.InvalidTopicException}},
		{Topic: wire.Topic{ID: [16]byte{9}, Code: wire.UnknownTopicID}},
	}}
}

// ofWire is r as kmsg has it.
func ofWire(r *wire.MetadataResponse, version int16) *kmsg.MetadataResponse {
	out := kmsg.NewPtrMetadataResponse()
	out.SetVersion(version)
	node := kmsg.NewMetadataResponseBroker()
	node.Host, node.Port = r.Host, r.Port
	out.Brokers, out.ClusterID, out.ControllerID = append(out.Brokers, node), &r.ClusterID, 0
	for i := range r.Topics {
		t := &r.Topics[i]
		topic := kmsg.NewMetadataResponseTopic()
		topic.ErrorCode, topic.TopicID, topic.IsInternal = int16(t.Code), t.ID, t.Internal
		if t.Code != wire.UnknownTopicID {
			topic.Topic = &t.Name
		}
		for j, p := range t.Partitions {
			if t.Code != wire.None || t.Most > 0 && j >= int(t.Most) {
				break
			}
			partition := kmsg.NewMetadataResponseTopicPartition()
			partition.Partition, partition.LeaderEpoch, partition.Replicas, partition.ISR = p.Index, p.LeaderEpoch, []int32{0}, []int32{0}
			if t.NoEpochs {
				partition.LeaderEpoch = -1
			}
			if p.Leader < 0 {
				partition.Leader, partition.ErrorCode, partition.ISR = -1, int16(wire.LeaderNotAvailable), nil
			}
			topic.Partitions = append(topic.Partitions, partition)
		}
		out.Topics = append(out.Topics, topic)
	}
	return out
}

// kmsg writes the same, and the size that was promised is kept.
func TestAppendMetadataResponse(t *testing.T) {
	t.Parallel()
	for v := int16(0); v <= 12; v++ {
		r := metadataResponse()
		h := wire.Header{Key: wire.KeyMetadata, Version: v, CorrelationID: 77}
		got := wire.AppendMetadataResponse([]byte("x"), h, r)[1:]
		want := wire.AppendResponse(nil, h, ofWire(r, v))
		if d := cmp.Diff(hex.Dump(want), hex.Dump(got)); d != "" {
			t.Errorf("AppendMetadataResponse(v%d) differs (-kmsg +got):\n%s", v, d)
		}
		if size := r.Size(); size < len(got) || size > 2*len(got) {
			t.Errorf("v%d: Size() = %d, want %d or little more", v, size, len(got))
		}
	}
}
