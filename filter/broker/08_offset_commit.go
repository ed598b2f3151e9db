package broker

import (
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/authorizer"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// offsetCommitAPI keeps offsets where their topics are read.
//
// What a member commits for topics of its group's home goes there as it came, first; the answer is the fence for the rest. Where it is none,
// a Heartbeat at the home is: it says whether the member and its generation are right, which no other cluster knows. Then the other
// clusters get their parts at once, as from nobody of a group (generation -1), by version 4 with a retention, for without members there
// offsets would expire a week after they were last committed. A part that could not be sent within a second of the check's answer is
// checked again. Between check and commit a member may still be excluded: then an older offset may replace a newer one, and records be read
// twice.
//
// Who commits without being a member is fenced by the members that the group has at home. Members that a group has on another cluster, which
// came past the mesh, keep it from committing there: GROUP_AUTHORIZATION_FAILED, in place of what would have members join again for ever.
//
// A member of a group of the new protocol (KIP-848) is one on each cluster: each gets its part with the epoch that it has of the member, and
// is the fence for it.
//
// KIP-211 (why version 4 says how long), KIP-320 (leader epochs, which version 4 does not have), KIP-345. Version 10 names topics by id.
func offsetCommitAPI() API {
	return API{
		API: wire.API{Shape: wire.ShapeOffsetCommit, Min: 2, Max: 9}, Decided: 10,
		Short: "to the clusters of the topics, fenced by the group's home", Query: true, Serve: (*Broker).offsetCommit,
	}
}

const (
	// committedCost is what is held for each partition that is committed, and namedCost for each topic.
	committedCost = 160
	namedCost     = 256
	// oldCommit is the newest version that says how long an offset is to be kept, and newCommit the newest that names topics.
	oldCommit, newCommit = 4, 9
	// fenceAge is how long ago the home may have answered a check when what that allows is sent.
	fenceAge = time.Second
	// maxChecks is how often a part is checked that cannot be sent in time.
	maxChecks = 3
)

// commitCall is one OffsetCommit on its way.
type commitCall struct {
	*scatter
	fence

	broker   *Broker
	request  *kmsg.OffsetCommitRequest
	clusters []string
	of       map[string][]int   // the topics of each cluster, by their places in the request
	codes    [][]wire.ErrorCode // of the topics' partitions
	keptBack map[string]string  // clusters that were not asked, and who did not let the client commit there, as in keepBack
	refusal  Refusal
	over     func() // ends its turn
}

func (b *Broker) offsetCommit(c *Call) error {
	request, err := decode[*kmsg.OffsetCommitRequest](b, c)
	if err != nil {
		return err
	}
	partitions := 0
	for i := range request.Topics {
		partitions += len(request.Topics[i].Partitions)
	}
	if err := hold(c, len(c.Body)+namedCost*len(request.Topics)+committedCost*partitions); err != nil {
		return err
	}
	call := &commitCall{broker: b, request: request}
	call.scatter = newScatter(c, call.finish)
	if !b.may(c, authorizer.Read, authorizer.Group, request.Group, &call.refusal) {
		call.deny()
		return nil
	}
	call.divide()
	name := b.routes.Home(request.Group)
	call.fence = fence{call: c, home: b.upstreams[name].Brokers, request: request}
	came := time.Now()
	c.Client.groups.add(c, func(done func()) {
		call.over = done
		switch {
		case c.Client.ended.Load() && time.Since(came) > fenceAge:
			call.refuseStale()
		case isOfMember(c, request):
			call.startAsMember(name)
		default:
			call.start(name)
		}
		call.end()
	})
	return nil
}

// refuseStale commits nothing: the commit has waited for those before it, and the connection is ending meanwhile. Its client may have
// committed what is newer on another one.
func (o *commitCall) refuseStale() {
	for _, name := range o.clusters {
		o.keepBack(name, "", wire.CoordinatorNotAvailable)
	}
}

// divide sorts the topics by where they are read.
func (o *commitCall) divide() {
	topics := o.request.Topics
	o.codes = make([][]wire.ErrorCode, len(topics))
	o.clusters, o.of = byCluster(len(topics), func(i int) (string, bool) {
		name := topics[i].Topic
		o.Note.topic(name)
		o.codes[i] = make([]wire.ErrorCode, len(topics[i].Partitions))
		if !o.broker.may(o.Call, authorizer.Read, authorizer.Topic, name, &o.refusal) {
			o.set([]int{i}, wire.TopicAuthorizationFailed)
			return "", false
		}
		rule, code := o.broker.readRuleOf(name)
		if code != wire.None {
			o.broker.countUnmatched(name)
			o.refusal.addTopic(name, code)
			o.set([]int{i}, code)
			return "", false
		}
		return rule.Cluster, true
	})
	for _, name := range o.clusters {
		o.Note.cluster(name)
	}
}

// deny answers that the client may do nothing with the group.
func (o *commitCall) deny() {
	o.over = func() {}
	o.codes = make([][]wire.ErrorCode, len(o.request.Topics))
	for i := range o.request.Topics {
		o.codes[i] = make([]wire.ErrorCode, len(o.request.Topics[i].Partitions))
		o.set([]int{i}, wire.GroupAuthorizationFailed)
	}
	o.end()
}

// start commits the home's part, and the others when it is known that the member may commit.
func (o *commitCall) start(home string) {
	o.begin()
	others := func(code wire.ErrorCode, at time.Time) {
		defer answerAfterPanic(o)
		for _, name := range o.clusters {
			switch {
			case name == home:
			case code != wire.None:
				o.keepBack(name, home, code)
			default:
				o.commit(name, at, maxChecks, oldCommit)
			}
		}
		o.end()
	}
	switch at := o.of[home]; {
	case len(at) > 0:
		o.commitAtHome(at, others)
	case len(o.clusters) > 0:
		o.check(others)
	default:
		o.end()
	}
}

// commitAtHome commits the topics at some places as the client said it, and calls then with what that says about the member, and when it
// was said.
func (o *commitCall) commitAtHome(places []int, then func(code wire.ErrorCode, at time.Time)) {
	asked := time.Now()
	part := *o.request
	part.Topics = o.topics(places)
	g := groupRequest{
		brokers: o.home, group: part.Group, request: &part, most: o.Header.Version, code: commitCode, send: onOwn(o.Call, o.home, groupTime),
	}
	g.ask(func(r kmsg.Response, code wire.ErrorCode) {
		defer answerAfterPanic(o)
		if r == nil {
			o.locked(func() { o.set(places, code) })
			then(code, time.Now())
			return
		}
		said := r.(*kmsg.OffsetCommitResponse) //nolint:forcetypeassert // as the request is
		o.locked(func() { o.take(places, said) })
		switch {
		case code != wire.None:
			then(code, time.Now())
		case len(o.clusters) > 1 && !accepts(said):
			o.check(then)
		default:
			then(wire.None, saidAt(asked))
		}
	})
}

// commit commits the topics of a cluster that is not the home, at most in a version, if that can be sent soon after the check.
func (o *commitCall) commit(name string, checked time.Time, checks int, most int16) {
	up := o.broker.upstreams[name]
	part := kmsg.NewPtrOffsetCommitRequest()
	part.Group, part.Topics, part.RetentionTimeMillis = o.request.Group, o.topics(o.of[name]), up.retention(o.request)
	late := newLateness(checked)
	g := groupRequest{
		brokers: up.Brokers, group: part.Group, request: part, most: most, code: commitCode, send: late.onOwn(o.Call, up.Brokers),
	}
	o.askInTime(name, &g, func(r kmsg.Response, code wire.ErrorCode) {
		switch {
		case r != nil:
			o.locked(func() { o.takeFrom(name, r.(*kmsg.OffsetCommitResponse)) }) //nolint:forcetypeassert // as the request is
		case late.is() && checks > 1:
			o.begin()
			o.check(func(code wire.ErrorCode, at time.Time) {
				defer answerAfterPanic(o)
				if code == wire.None {
					o.commit(name, at, checks-1, most)
				} else {
					o.keepBack(name, o.broker.routes.Home(o.request.Group), code)
				}
				o.end()
			})
		case code == wire.UnsupportedVersion && most == oldCommit:
			o.commit(name, checked, checks, newCommit)
		default:
			o.locked(func() { o.set(o.of[name], code) })
		}
	})
}

// topics are those at some places.
func (o *commitCall) topics(places []int) []kmsg.OffsetCommitRequestTopic {
	topics := make([]kmsg.OffsetCommitRequestTopic, len(places))
	for i, place := range places {
		topics[i] = o.request.Topics[place]
	}
	return topics
}

// keepBack gives a cluster's topics a code without asking it. by is the cluster that has not let the client commit them; empty: the mesh has not.
func (o *commitCall) keepBack(name, by string, code wire.ErrorCode) {
	o.locked(func() {
		o.set(o.of[name], code)
		if o.keptBack == nil {
			o.keptBack = map[string]string{}
		}
		o.keptBack[name] = by
	})
}

// set gives all partitions of the topics at some places a code.
func (o *commitCall) set(places []int, code wire.ErrorCode) {
	for _, place := range places {
		for i := range o.codes[place] {
			o.codes[place][i] = code
		}
	}
}

// take takes over what a cluster has answered about the topics at some places.
func (o *commitCall) take(places []int, said *kmsg.OffsetCommitResponse) {
	codes := map[wire.TopicPartition]wire.ErrorCode{}
	for i := range said.Topics {
		for _, p := range said.Topics[i].Partitions {
			codes[wire.TopicPartition{Topic: said.Topics[i].Topic, Partition: p.Partition}] = wire.ErrorCode(p.ErrorCode)
		}
	}
	for _, place := range places {
		topic := &o.request.Topics[place]
		for i := range topic.Partitions {
			code, there := codes[wire.TopicPartition{Topic: topic.Topic, Partition: topic.Partitions[i].Partition}]
			if !there {
				code = wire.UnknownServerError
			}
			o.codes[place][i] = code
		}
	}
}

// takeFrom is take for a cluster that is not the home: what it says about members is not the client's to hear.
func (o *commitCall) takeFrom(name string, said *kmsg.OffsetCommitResponse) {
	o.take(o.of[name], said)
	for _, place := range o.of[name] {
		for i, code := range o.codes[place] {
			switch code {
			case wire.UnknownMemberID, wire.IllegalGeneration, wire.FencedInstanceID, wire.StaleMemberEpoch, wire.FencedMemberEpoch:
				o.codes[place][i] = wire.GroupAuthorizationFailed
				o.refusal.addMembers(o.request.Group, name)
			default:
			}
		}
	}
}

// finish answers the client.
func (o *commitCall) finish() {
	o.takeDown()
	const head, topic, partition = 32, 16, 16
	size := head + len(o.Body)
	response := kmsg.NewPtrOffsetCommitResponse()
	response.SetVersion(o.Header.Version)
	response.Topics = make([]kmsg.OffsetCommitResponseTopic, len(o.request.Topics))
	summary := Summary{Topics: len(o.request.Topics)}
	for i := range o.request.Topics {
		asked, told := &o.request.Topics[i], &response.Topics[i]
		told.Topic, told.Partitions = asked.Topic, make([]kmsg.OffsetCommitResponseTopicPartition, len(asked.Partitions))
		for j := range asked.Partitions {
			code := o.codes[i][j]
			told.Partitions[j].Partition, told.Partitions[j].ErrorCode = asked.Partitions[j].Partition, int16(code)
			o.Note.Fail(code, "")
			if failure(code) != wire.None {
				summary.Failed++
			}
			if summary.Code == wire.None && o.refusal.Code == wire.None {
				summary.Code = failure(code)
			}
		}
		size += topic + partition*len(asked.Partitions)
	}
	respond(o, size, Answer{Refusal: o.refusal, Summary: summary}, func(dst []byte) []byte {
		return wire.AppendResponse(dst, o.Header, response)
	})
	o.over()
}

// commitCode is the first error of an OffsetCommit that is the group's, and not a partition's.
func commitCode(r kmsg.Response) wire.ErrorCode {
	said := r.(*kmsg.OffsetCommitResponse) //nolint:forcetypeassert // as the request is
	for i := range said.Topics {
		for _, p := range said.Topics[i].Partitions {
			if code := wire.ErrorCode(p.ErrorCode); !ofPartition(code) {
				return code
			}
		}
	}
	return wire.None
}

// ofPartition reports whether an OffsetCommit answers so for a partition, whoever commits.
func ofPartition(code wire.ErrorCode) bool {
	switch code {
	case wire.None, wire.UnknownTopicOrPartition, wire.TopicAuthorizationFailed, wire.OffsetMetadataTooLarge, wire.InvalidCommitOffsetSize:
		return true
	default:
		return false
	}
}

// accepts reports whether a coordinator has taken something of an OffsetCommit, for which it has looked at who commits.
func accepts(said *kmsg.OffsetCommitResponse) bool {
	for i := range said.Topics {
		for _, p := range said.Topics[i].Partitions {
			if p.ErrorCode == 0 {
				return true
			}
		}
	}
	return false
}
