package broker

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/authorizer"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/groups"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// deleteGroupsAPI deletes groups, wherever they have members or offsets.
//
// The home is asked first: a group that has members there is refused, and nothing is deleted elsewhere. So is one that has members of
// group.protocol=consumer on any cluster. Then all other clusters delete what they have of it: its offsets of their topics. The group is
// deleted when one cluster has deleted it, and none has an error other than that there is no such group. What is left after an error, a
// second request deletes.
//
// Whether clients may delete groups is configured, and by default they may not: GROUP_AUTHORIZATION_FAILED.
func deleteGroupsAPI() API {
	return API{
		API: wire.API{Shape: wire.ShapeDeleteGroups, Min: 0, Max: 2}, Decided: 3,
		Short: "at the group's home, then wherever it has offsets", Query: true, Serve: (*Broker).deleteGroups,
	}
}

// deleteGroupsVersion is the newest version that clusters are asked in. Kafka has defined no other yet.
const deleteGroupsVersion = 2

func (b *Broker) deleteGroups(c *Call) error {
	request, err := decode[*kmsg.DeleteGroupsRequest](b, c)
	if err != nil {
		return err
	}
	if err := hold(c, len(c.Body)+(verdictCost+describedCost)*len(request.Groups)); err != nil {
		return err
	}
	v := &verdicts{
		broker: b, groups: once(request.Groups), most: deleteGroupsVersion, each: eachDeleted,
		request: func(groups []string) kmsg.Request {
			request := kmsg.NewPtrDeleteGroupsRequest()
			request.Groups = groups
			return request
		},
		elsewhere: missing,
		over:      func(code, others wire.ErrorCode) bool { return missing(others) && code != wire.GroupIDNotFound },
	}
	v.of = make([]verdict, len(v.groups))
	if denied := b.deniesGroups("delete groups"); denied.Code != wire.None {
		for i := range v.of {
			v.of[i].code = denied.Code
		}
		v.refusal = denied
		v.scatter = newScatter(c, v.answerDeleted)
		v.end()
		return nil
	}
	c.Client.groups.add(c, func(done func()) {
		v.scatter = newScatter(c, func() {
			defer done()
			v.answerDeleted()
		})
		v.deleteEmpty()
		v.end()
	})
	return nil
}

// missing reports whether a cluster that answers so has nothing of the group any more.
func missing(code wire.ErrorCode) bool { return code == wire.None || code == wire.GroupIDNotFound }

// deleteEmpty deletes the groups that have no members of group.protocol=consumer, whom their home need not know.
func (v *verdicts) deleteEmpty() {
	parts := &series{width: groupsAtOnce}
	for _, i := range v.allowed(authorizer.Delete) {
		id := v.groups[i]
		v.begin()
		parts.add(v, func(done func()) {
			v.broker.recall(id, func(k *groups.Known) {
				defer answerAfterPanic(v)
				code := mayBeDeleted(k)
				v.locked(func() { v.of[i].code = code })
				if code == wire.None {
					v.ask([]int{i})
				}
				done()
				v.end()
			})
		})
	}
}

// mayBeDeleted is why a group may not be deleted, by what the clusters say of it.
func mayBeDeleted(k *groups.Known) wire.ErrorCode {
	for _, said := range k.Said {
		if len(said.Members) > 0 {
			return wire.NonEmptyGroup
		}
	}
	for _, cluster := range k.Missing {
		if said := k.Refused[cluster]; said != nil { // and says so again, whenever it is asked
			return wire.ErrorCode(said.ErrorCode)
		}
	}
	if len(k.Missing) > 0 {
		return wire.CoordinatorNotAvailable
	}
	return wire.None
}

// eachDeleted reads a broker's answer.
func eachDeleted(r kmsg.Response, said func(group string, v verdict)) {
	response := r.(*kmsg.DeleteGroupsResponse) //nolint:forcetypeassert // as the request is
	for i := range response.Groups {
		said(response.Groups[i].Group, verdict{code: wire.ErrorCode(response.Groups[i].ErrorCode)})
	}
}

func (v *verdicts) answerDeleted() {
	const head, group = 64, 8
	response := kmsg.NewPtrDeleteGroupsResponse()
	response.SetVersion(v.Header.Version)
	response.Groups = make([]kmsg.DeleteGroupsResponseGroup, 0, len(v.groups))
	var summary Summary
	size := head
	for i, id := range v.groups {
		g := kmsg.NewDeleteGroupsResponseGroup()
		g.Group, g.ErrorCode = id, int16(v.of[i].code)
		v.count(&summary, v.of[i].code)
		response.Groups = append(response.Groups, g)
		size += group + len(id)
	}
	respond(v, size, Answer{Refusal: v.refusal, Summary: summary}, func(dst []byte) []byte { return wire.AppendResponse(dst, v.Header, response) })
}
