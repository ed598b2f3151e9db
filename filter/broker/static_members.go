package broker

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/target"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// awhile is the epoch of a static member that leaves for a while: whoever joins with its instance id next has its place, and what it had.
const awhile = -2

// release has a static member let its places go, for a while, where it is to ask for them again: brokers give a place that is not let go to
// nobody, not even to who has it (UNRELEASED_INSTANCE_ID), so that one cluster that refuses it would have the others do so until its sessions
// there are over. Places of others with its instance id are none of its own, and brokers leave them alone.
func (h *heartbeatCall) release(then func()) {
	instance, clusters := h.places()
	if instance == nil || len(clusters) == 0 {
		then()
		return
	}
	s := newScatter(h.Call, then)
	for _, cluster := range clusters {
		r := kmsg.NewPtrConsumerGroupHeartbeatRequest()
		r.Group, r.MemberID, r.MemberEpoch, r.InstanceID, r.RebalanceTimeoutMillis = h.key.Group, h.key.Member, awhile, instance, -1
		s.askSoon(h.broker.upstreams[cluster].Brokers, target.Coordinator(h.key.Group), r, consumerGroupVersion, heartbeatPatience,
			func(kmsg.Response, error) {}) // what is not let go now is when the member asks for it in vain
	}
	s.end()
}

// places are the member's instance and the clusters on which it is to let its place go.
func (h *heartbeatCall) places() (instance *string, clusters []string) {
	if instance = h.request.InstanceID; instance == nil {
		instance = h.instance
	}
	if h.beat != nil && h.beat.Instance() != nil {
		instance = h.beat.Instance()
	}
	switch code := wire.ErrorCode(h.response.ErrorCode); {
	case h.request.MemberEpoch < 0 || instance == nil:
		return nil, nil
	case code == wire.None && h.beat != nil:
		return instance, h.beat.Held()
	case h.request.MemberEpoch == 0 && code != wire.None && !code.Transient():
		return instance, h.asked
	case code != wire.FencedMemberEpoch && code != wire.UnknownMemberID && code != wire.FencedInstanceID:
		return nil, nil
	}
	h.broker.members.Forget(h.key)
	if h.beat != nil {
		return instance, h.asked
	}
	return instance, h.broker.clusters
}
