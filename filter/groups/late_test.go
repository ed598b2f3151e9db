package groups_test

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/groups"
)

// An answer that comes late says nothing any more when the cluster has answered a later heartbeat: the epoch may be the same, and what is
// assigned another.
func TestLateAnswerOfAnOlderHeartbeat(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		unheard bool
	}{{"a later one was answered", false}, {"no later one was", true}} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			assigned := []groups.Assigned{{Topic: [16]byte{1}, Partitions: []int32{2}}}
			m := &groups.Member{
				Told:   groups.Epochs{"c": 5},
				Stakes: map[string]groups.Stake{"c": {Epoch: 5, Assigned: assigned, Unheard: test.unheard}},
			}
			said := kmsg.NewPtrConsumerGroupHeartbeatResponse()
			said.MemberEpoch, said.Assignment = 5, &kmsg.ConsumerGroupHeartbeatResponseAssignment{}
			if heard := m.Heard("c", kmsg.NewPtrConsumerGroupHeartbeatRequest(), said); (heard != nil) != test.unheard {
				t.Errorf("Heard = %v, want something: %t", heard, test.unheard)
			}
		})
	}
}
