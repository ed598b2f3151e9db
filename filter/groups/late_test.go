package groups_test

import (
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/groups"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
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

// A refusal is of the life that it refuses: one of a heartbeat from before the member joined anew is not told, and one of a join is over
// when a later join is answered.
func TestLateRefusal(t *testing.T) {
	t.Parallel()
	m := &groups.Member{Told: groups.Epochs{"a": 1}, Stakes: map[string]groups.Stake{"a": {Epoch: 1}}}
	refused := kmsg.NewPtrConsumerGroupHeartbeatResponse()
	refused.ErrorCode, refused.ErrorMessage = int16(wire.FencedMemberEpoch), new(strings.Repeat("m", 1<<20))
	asked := kmsg.NewPtrConsumerGroupHeartbeatRequest()
	asked.MemberEpoch = 7
	if heard := m.Heard("b", asked, refused); heard != nil {
		t.Errorf("of a member that is not on b, a refusal of epoch 7 is kept: %+v", heard.Refused)
	}
	asked.MemberEpoch = 0
	heard := m.Heard("b", asked, refused)
	if heard == nil || heard.Refused == nil || heard.Refused.ErrorCode != refused.ErrorCode || len(*heard.Refused.ErrorMessage) > 1024 {
		t.Fatal("a refusal of a join is not kept with its code, and a message of a bounded length")
	}
	if heard = heard.Heard("b", asked, kmsg.NewPtrConsumerGroupHeartbeatResponse()); heard == nil || heard.Refused != nil {
		t.Error("a refusal is kept when a later join is answered")
	}
}
