package broker

import (
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/groups"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// isOfMember says whether an OffsetCommit is that of a member of a group of the new protocol (KIP-848).
func isOfMember(c *Call, r *kmsg.OffsetCommitRequest) bool {
	const first = 9 // the first version with member epochs
	return c.Header.Version >= first && r.Generation >= 0 && ofConsumerProtocol(r.MemberID)
}

// startAsMember commits on each cluster by the epoch that it has of the member. A cluster that the member is not on has no members by which
// to check it: it takes the offsets as from nobody of the group, once it is known that the epoch is the member's. A member that no cluster
// has is one of the classic protocol after all, or none: the home says so.
func (o *commitCall) startAsMember(home string) {
	o.begin()
	asked := time.Now()
	key := groups.Key{Group: o.request.Group, Member: o.request.MemberID}
	o.broker.epochsOf(key, o.request.Generation, func(epochs groups.Epochs, code wire.ErrorCode) {
		defer answerAfterPanic(o)
		if code == wire.UnknownMemberID || code == wire.GroupIDNotFound {
			o.start(home)
			o.end()
			return
		}
		for _, name := range o.clusters {
			if code != wire.None {
				o.keepBack(name, "", code)
				continue
			}
			o.commitAsMember(name, epochs, saidAt(asked))
		}
		o.end()
	})
}

func (o *commitCall) commitAsMember(name string, epochs groups.Epochs, at time.Time) {
	epoch, on := epochs[name]
	if !on {
		o.commit(name, at, 1, oldCommit)
		return
	}
	part := *o.request
	part.Topics, part.Generation = o.topics(o.of[name]), epoch
	brokers := o.broker.upstreams[name].Brokers
	g := groupRequest{
		brokers: brokers, group: part.Group, request: &part, most: o.Header.Version, code: commitCode, send: onOwn(o.Call, brokers, groupTime),
	}
	o.askInTime(name, &g, func(r kmsg.Response, code wire.ErrorCode) {
		o.locked(func() {
			if r == nil {
				o.set(o.of[name], code)
			} else {
				o.take(o.of[name], r.(*kmsg.OffsetCommitResponse)) //nolint:forcetypeassert // as the request is
			}
		})
	})
}

// findEpochs finds the epochs that clusters have of the members that ask for offsets, where one does, and then calls then. Who is in no group
// of the new protocol is told offsets as a member of the classic one is, whom a broker does not look at: it may be one.
func (o *offsetsCall) findEpochs(then func()) {
	found := newScatter(o.Call, then)
	for i := range o.groups {
		g := &o.groups[i]
		if g.code != wire.None || g.asked.MemberID == nil || g.asked.MemberEpoch < 0 || !ofConsumerProtocol(*g.asked.MemberID) {
			continue
		}
		found.begin()
		o.parts.add(o, func(done func()) {
			key := groups.Key{Group: g.asked.Group, Member: *g.asked.MemberID}
			o.broker.epochsOf(key, g.asked.MemberEpoch, func(epochs groups.Epochs, code wire.ErrorCode) {
				defer answerAfterPanic(o)
				if code == wire.GroupIDNotFound {
					code = wire.None
				}
				found.locked(func() { g.epochs, g.code = epochs, code })
				done()
				found.end()
			})
		})
	}
	found.end()
}
