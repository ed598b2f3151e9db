package broker

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/authorizer"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// describeGroupsAPI tells of groups with group.protocol=classic, and their members.
//
// A group is what its home says it is. One that its home does not have, because its members have left and its offsets are on other
// clusters, is what another says; only when all clusters say that they do not have it is it told to be Dead or, from version 6 on,
// GROUP_ID_NOT_FOUND (KIP-1043). A group whose home does not answer is COORDINATOR_NOT_AVAILABLE, however much the others know of its offsets.
//
// Unlike a real broker, it names the proxies as the members' hosts, and lists no operations as authorized.
func describeGroupsAPI() API {
	return API{
		API: wire.API{Shape: wire.ShapeDescribeGroups, Min: 0, Max: 6}, Decided: 6,
		Short: "what the group's home says", Query: true, Serve: (*Broker).describeGroups,
	}
}

const (
	// notFoundIn is the version from which on a group that is not there has an error, and not only a state.
	notFoundIn = 6
	// dead is the state of a group that is not there.
	dead = "Dead"
)

func (b *Broker) describeGroups(c *Call) error {
	request, err := decode[*kmsg.DescribeGroupsRequest](b, c)
	if err != nil {
		return err
	}
	if err := hold(c, len(c.Body)+verdictCost*len(request.Groups)); err != nil {
		return err
	}
	v := &verdicts{
		broker: b, groups: once(request.Groups), most: c.Header.Version, each: eachDescribed,
		request: func(groups []string) kmsg.Request {
			request := kmsg.NewPtrDescribeGroupsRequest()
			request.Groups = groups
			return request
		},
		elsewhere: func(home wire.ErrorCode) bool { return home == wire.GroupIDNotFound },
		over: func(code, others wire.ErrorCode) bool {
			return others != wire.None && code == wire.None || others == wire.GroupIDNotFound
		},
	}
	v.of = make([]verdict, len(v.groups))
	v.scatter = newScatter(c, v.answerDescribed)
	v.ask(v.allowed(authorizer.Describe))
	v.end()
	return nil
}

// eachDescribed reads a broker's answer.
func eachDescribed(r kmsg.Response, said func(group string, v verdict)) {
	response := r.(*kmsg.DescribeGroupsResponse) //nolint:forcetypeassert // as the request is
	for i := range response.Groups {
		g := &response.Groups[i]
		v := verdict{wire.ErrorCode(g.ErrorCode), g}
		if v.code == wire.None && g.State == dead {
			v.code = wire.GroupIDNotFound
		}
		said(g.Group, v)
	}
}

func (v *verdicts) answerDescribed() {
	response := kmsg.NewPtrDescribeGroupsResponse()
	response.Groups = make([]kmsg.DescribeGroupsResponseGroup, 0, len(v.groups))
	var summary Summary
	for i, id := range v.groups {
		g := kmsg.NewDescribeGroupsResponseGroup()
		if said, ok := v.of[i].answer.(*kmsg.DescribeGroupsResponseGroup); ok {
			g = *said
			g.UnknownTags = kmsg.Tags{}
		} else {
			g.ErrorCode = int16(v.of[i].code)
		}
		g.Group = id
		if v.of[i].code == wire.GroupIDNotFound && v.Header.Version >= notFoundIn {
			g.ErrorCode = int16(wire.GroupIDNotFound) // also of a cluster that says only that it is dead
		}
		code := wire.ErrorCode(g.ErrorCode)
		v.count(&summary, code)
		response.Groups = append(response.Groups, g)
	}
	answerWith(v.Call, response, Answer{Refusal: v.refusal, Summary: summary})
}
