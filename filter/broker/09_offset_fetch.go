package broker

import (
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/authorizer"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/groups"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// offsetFetchAPI finds offsets where their topics are read.
//
// Each cluster is asked for the topics that are read there; who asks for all topics gets those of all clusters that are read there. Who asks
// as a member (KIP-848) is asked for with the epoch that each cluster has of it. An offset of -1 has a consumer begin anew, so where one cluster says nothing, for a
// few seconds or at all, the group has an error: COORDINATOR_NOT_AVAILABLE, for its partitions where the version has no other place.
// Requests that had no answer are sent once more. require_stable is passed on to clusters that know it.
//
// Java's administrators, who ask for all topics, are told what the other clusters say instead, unless the group's home is missing: to them a
// partition with an error is one that is not told of, and tools show what there is. Others may take what is missing for an offset of -1.
//
// KIP-447 (require_stable), KIP-709 (several groups). Version 10 names topics by id.
func offsetFetchAPI() API {
	return API{
		API: wire.API{Shape: wire.ShapeOffsetFetch, Min: 1, Max: 9}, Decided: 10,
		Short: "from the clusters of the topics", Query: true, Serve: (*Broker).offsetFetch,
	}
}

const (
	// groupCost is what is held for each group whose offsets are asked for, and offsetCost for each partition.
	groupCost  = 768
	offsetCost = 160
	// groupsIn is the version from which on a request is for several groups, and codeIn from which on there is an error of a group.
	groupsIn = 8
	codeIn   = 2
	// offsetsPatience is how long a cluster is waited for.
	offsetsPatience = 10 * time.Second
	// groupsAtOnce is how many groups of a request are asked for at a time.
	groupsAtOnce = 16
)

// offsetsCall is one OffsetFetch on its way.
type offsetsCall struct {
	*scatter

	broker  *Broker
	partial bool // what some clusters say of all topics will do
	stable  bool // only offsets that are not of a transaction
	groups  []groupOffsets
	parts   series
	dead    map[string]bool // clusters that have not answered: nobody asks them again for this request
	refusal Refusal
	summary Summary
	trouble error  // there is no room for the answer
	over    func() // ends its turn: what the client has committed before is there
}

// groupOffsets is what is asked of one group, and found.
type groupOffsets struct {
	asked *kmsg.OffsetFetchRequestGroup
	all   bool // topics are asked for
	code  wire.ErrorCode
	// epochs are those of the member that asks, by cluster, if one does.
	epochs groups.Epochs
	// topics are those that are asked for, by their places, or what was found of all.
	topics []kmsg.OffsetFetchResponseGroupTopic
}

func (b *Broker) offsetFetch(c *Call) error {
	request, err := decode[*kmsg.OffsetFetchRequest](b, c)
	if err != nil {
		return err
	}
	groups := request.Groups
	if c.Header.Version < groupsIn {
		groups = []kmsg.OffsetFetchRequestGroup{onlyGroup(request)}
	}
	cost := groupCost * len(groups)
	for i := range groups {
		for j := range groups[i].Topics {
			cost += namedCost + offsetCost*len(groups[i].Topics[j].Partitions)
		}
	}
	if err := hold(c, len(c.Body)+cost); err != nil {
		return err
	}
	call := &offsetsCall{broker: b, stable: request.RequireStable, parts: series{width: groupsAtOnce}, dead: map[string]bool{}}
	call.partial = strings.HasPrefix(c.Client.Software(), "apache-kafka-java ")
	call.scatter = newScatter(c, call.finish)
	call.groups = make([]groupOffsets, len(groups))
	for i := range groups {
		call.groups[i] = groupOffsets{asked: &groups[i], all: groups[i].Topics == nil}
		if !b.may(c, authorizer.Describe, authorizer.Group, groups[i].Group, &call.refusal) {
			call.groups[i].deny()
		}
	}
	c.Client.groups.add(c, func(done func()) {
		call.over = done
		call.findEpochs(func() {
			for i := range call.groups {
				call.ask(&call.groups[i])
			}
			call.end()
		})
	})
	return nil
}

// deny gives a group, and each partition that is asked for, the error that the client may not see them.
func (g *groupOffsets) deny() {
	g.code = wire.GroupAuthorizationFailed
	g.topics = make([]kmsg.OffsetFetchResponseGroupTopic, len(g.asked.Topics))
	for i := range g.topics {
		g.topics[i] = noOffsets(&g.asked.Topics[i], g.code)
	}
}

// ask asks the clusters for the offsets of a group.
func (o *offsetsCall) ask(g *groupOffsets) {
	if g.code != wire.None {
		return
	}
	if g.all {
		for _, name := range o.broker.clusters {
			o.askCluster(g, name, nil)
		}
		return
	}
	o.summary.Topics += len(g.asked.Topics)
	g.topics = make([]kmsg.OffsetFetchResponseGroupTopic, len(g.asked.Topics))
	clusters, of := byCluster(len(g.asked.Topics), func(i int) (string, bool) {
		name := g.asked.Topics[i].Topic
		o.Note.topic(name)
		if !o.broker.may(o.Call, authorizer.Describe, authorizer.Topic, name, &o.refusal) {
			g.topics[i] = noOffsets(&g.asked.Topics[i], wire.TopicAuthorizationFailed)
			o.summary.Failed++
			return "", false
		}
		rule, code := o.broker.readRuleOf(name)
		g.topics[i] = noOffsets(&g.asked.Topics[i], code)
		if code != wire.None {
			o.broker.countUnmatched(name)
			o.refusal.addTopic(name, code)
			o.summary.Failed++
		}
		return rule.Cluster, code == wire.None
	})
	for _, name := range clusters {
		o.askCluster(g, name, of[name])
	}
}

// askCluster asks one cluster for the topics of a group at some places, or for all if all are asked for.
func (o *offsetsCall) askCluster(g *groupOffsets, name string, places []int) {
	o.Note.cluster(name)
	o.begin()
	o.parts.add(o, func(done func()) {
		over := func() {
			done()
			o.end()
		}
		dead := false
		o.locked(func() { dead = o.dead[name] })
		if dead {
			o.locked(func() { o.miss(g, name) })
			over()
			return
		}
		part := o.request(g, name, places)
		o.soon(offsetsPatience, func(settle func(take func())) {
			part.ask(func(r kmsg.Response, code wire.ErrorCode) {
				settle(func() { o.take(g, name, places, r, code) })
			})
		}, func() {
			o.dead[name] = true
			o.miss(g, name)
		}, over)
	})
}

// request is what a cluster is asked for, written as old and as new versions have it.
func (o *offsetsCall) request(g *groupOffsets, name string, places []int) *groupRequest {
	asked := kmsg.NewOffsetFetchRequestGroup()
	asked.Group = g.asked.Group
	if epoch, on := g.epochs[name]; on {
		asked.MemberID, asked.MemberEpoch = g.asked.MemberID, epoch
	}
	request := kmsg.NewPtrOffsetFetchRequest()
	request.Group, request.RequireStable = asked.Group, o.stable
	if !g.all {
		asked.Topics = make([]kmsg.OffsetFetchRequestGroupTopic, 0, len(places))
		request.Topics = make([]kmsg.OffsetFetchRequestTopic, 0, len(places))
	}
	for _, place := range places {
		t := &g.asked.Topics[place]
		asked.Topics = append(asked.Topics, *t)
		request.Topics = append(request.Topics, kmsg.OffsetFetchRequestTopic{Topic: t.Topic, Partitions: t.Partitions})
	}
	request.Groups = []kmsg.OffsetFetchRequestGroup{asked}
	const most = 9
	part := &groupRequest{
		brokers: o.broker.upstreams[name].Brokers, group: asked.Group, request: request, most: most, code: offsetsCode, harmless: true,
	}
	if part.brokers != nil {
		part.send = part.brokers.Call
	}
	return part
}

// fail gives a group an error, unless it has one.
func (g *groupOffsets) fail(code wire.ErrorCode) {
	if g.code == wire.None {
		g.code = code
	}
}

// miss takes note that a cluster has not said anything of a group.
func (o *offsetsCall) miss(g *groupOffsets, cluster string) {
	if g.all && o.partial && cluster != o.broker.routes.Home(g.asked.Group) {
		o.Note.Fail(wire.CoordinatorNotAvailable, "a cluster does not answer: what it has is left out")
		return
	}
	g.fail(wire.CoordinatorNotAvailable)
}

// offsetsCode is the error that a response has for the group.
func offsetsCode(r kmsg.Response) wire.ErrorCode {
	return wire.ErrorCode(ofGroup(r.(*kmsg.OffsetFetchResponse)).ErrorCode) //nolint:forcetypeassert // as the request is
}

// take takes over what a cluster has said about the topics of a group at some places, or about all.
func (o *offsetsCall) take(g *groupOffsets, name string, places []int, r kmsg.Response, code wire.ErrorCode) {
	if r == nil || code != wire.None {
		switch {
		case r == nil && code == wire.CoordinatorNotAvailable:
			o.dead[name] = true
			o.miss(g, name)
			return
		case code == wire.GroupIDNotFound && g.epochs[name] > 0: // it had the member
			code = wire.UnknownMemberID
		case code == wire.GroupIDNotFound && name != o.broker.routes.Home(g.asked.Group): // nothing was committed there yet
			for _, place := range places {
				none(&g.topics[place])
			}
			return
		}
		g.fail(code)
		return
	}
	found := ofGroup(r.(*kmsg.OffsetFetchResponse)).Topics //nolint:forcetypeassert // as the request is
	if !g.all {
		fill(g.topics, places, found)
		return
	}
	cost := 0
	for i := range found {
		if rule, code := o.broker.readRuleOf(found[i].Topic); code == wire.None && rule.Cluster == name && o.broker.seesTopic(o.Client, found[i].Topic) {
			g.topics = append(g.topics, found[i])
			cost += namedCost + offsetCost*len(found[i].Partitions)
		}
	}
	if err := hold(o, cost); err != nil {
		o.trouble = err
	}
}

// finish answers the client.
func (o *offsetsCall) finish() {
	defer o.over()
	if o.trouble != nil {
		o.Answer(Answer{Violation: o.trouble})
		return
	}
	response := kmsg.NewPtrOffsetFetchResponse()
	for i := range o.groups {
		g := &o.groups[i]
		o.note(g)
		one := kmsg.OffsetFetchResponseGroup{Group: g.asked.Group, Topics: g.topics, ErrorCode: int16(g.code)}
		if g.code != wire.None && o.Header.Version >= codeIn {
			one.Topics = nil // as a broker answers
		}
		response.Groups = append(response.Groups, one)
	}
	if o.Header.Version < groupsIn {
		g := &o.groups[0]
		response.Topics, response.ErrorCode = oldOffsets(response.Groups[0].Topics, g.code), int16(g.code)
		response.Groups = nil
	}
	answerWith(o.Call, response, Answer{Refusal: o.refusal, Summary: o.summary})
}

// note takes down what is told of a group.
func (o *offsetsCall) note(g *groupOffsets) {
	o.Note.Fail(g.code, "")
	if g.code != wire.None {
		o.summary.fail(g.code)
		return
	}
	for i := range g.topics {
		for j := range g.topics[i].Partitions {
			code := wire.ErrorCode(g.topics[i].Partitions[j].ErrorCode)
			o.Note.Fail(code, "")
			if o.refusal.Code == wire.None {
				o.summary.fail(code)
			}
		}
	}
}
