package broker

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/authorizer"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// offsetDeleteAPI deletes offsets that a group has committed, on the clusters that the topics are read from.
//
// The home alone knows what the members of a group with group.protocol=classic subscribe to. So it is asked for them before offsets of
// other clusters' topics are deleted, and the topics that are subscribed to have GROUP_SUBSCRIBED_TO_TOPIC, as from a broker; so have all
// of them while the group rebalances. A cluster that does not know the group has nothing to delete; only if none does it is GROUP_ID_NOT_FOUND.
// Whether clients may delete offsets is configured, and by default they may not: GROUP_AUTHORIZATION_FAILED.
func offsetDeleteAPI() API {
	return API{
		API: wire.API{Shape: wire.ShapeOffsetDelete, Min: 0, Max: 0}, Decided: 0,
		Short: "where the topics are read from", Query: true, Serve: (*Broker).offsetDelete,
	}
}

// offsetDeleteCall is one OffsetDelete request on its way.
type offsetDeleteCall struct {
	*scatter

	broker *Broker
	group  string
	home   string

	response *kmsg.OffsetDeleteResponse
	refusal  Refusal
	known    bool           // by a cluster
	code     wire.ErrorCode // of the whole, of the first cluster that has one
}

// offsetPlace is a partition in the response.
type offsetPlace struct{ topic, partition int }

func (b *Broker) offsetDelete(c *Call) error {
	request, err := decode[*kmsg.OffsetDeleteRequest](b, c)
	if err != nil {
		return err
	}
	n := 0
	for i := range request.Topics {
		n += len(request.Topics[i].Partitions)
	}
	if err := hold(c, len(c.Body)+partitionCost*n+topicCost*len(request.Topics)); err != nil {
		return err
	}
	if denied := b.deniesGroups("delete offsets of groups"); denied.Code != wire.None {
		response := kmsg.NewPtrOffsetDeleteResponse()
		response.ErrorCode = int16(denied.Code)
		c.Note.Fail(denied.Code, denied.Reason)
		answerWith(c, response, Answer{Refusal: denied, Summary: Summary{Topics: len(request.Topics), Failed: 1}})
		return nil
	}
	call := &offsetDeleteCall{broker: b, group: request.Group, home: b.routes.Home(request.Group)}
	c.Client.groups.add(c, func(done func()) {
		call.scatter = newScatter(c, func() {
			defer done()
			call.finish()
		})
		if b.may(c, authorizer.Delete, authorizer.Group, request.Group, &call.refusal) {
			call.start(request)
		} else {
			call.response, call.code = kmsg.NewPtrOffsetDeleteResponse(), wire.GroupAuthorizationFailed
		}
		call.end()
	})
	return nil
}

// start deletes what the request names where it is, at the home first.
func (o *offsetDeleteCall) start(request *kmsg.OffsetDeleteRequest) {
	of := o.sort(request)
	o.Note.cluster(o.home)
	if at := of[o.home]; len(at) > 0 || len(of) == 0 {
		o.deleteOn(o.home, at)
	}
	delete(of, o.home)
	if len(of) > 0 {
		o.askSubscriptions(func(subscribed func(topic string) bool) { o.deleteElsewhere(of, subscribed) })
	}
}

// sort makes the response, and says which of its partitions belong to which cluster.
func (o *offsetDeleteCall) sort(request *kmsg.OffsetDeleteRequest) (of map[string][]offsetPlace) {
	of = map[string][]offsetPlace{}
	o.response = kmsg.NewPtrOffsetDeleteResponse()
	var unruled names
	for i := range request.Topics {
		asked := &request.Topics[i]
		o.Note.topic(asked.Topic)
		rule, code := o.broker.readRuleOf(asked.Topic)
		if !o.broker.may(o.Call, authorizer.Read, authorizer.Topic, asked.Topic, &o.refusal) {
			code = wire.TopicAuthorizationFailed
		} else if code != wire.None && unruled.add(asked.Topic) {
			o.broker.countUnmatched(asked.Topic)
			o.refusal.addTopic(asked.Topic, code)
		}
		topic := kmsg.NewOffsetDeleteResponseTopic()
		topic.Topic = asked.Topic
		for j := range asked.Partitions {
			topic.Partitions = append(topic.Partitions, kmsg.OffsetDeleteResponseTopicPartition{
				Partition: asked.Partitions[j].Partition, ErrorCode: int16(code),
			})
			if code == wire.None {
				of[rule.Cluster] = append(of[rule.Cluster], offsetPlace{i, j})
			}
		}
		o.response.Topics = append(o.response.Topics, topic)
	}
	return of
}

// toCoordinator sends a harmless request to the group's coordinator in a cluster.
func (o *offsetDeleteCall) toCoordinator(
	cluster string, request kmsg.Request, most int16, code func(kmsg.Response) wire.ErrorCode, done func(kmsg.Response, wire.ErrorCode),
) {
	o.begin()
	g := groupRequest{brokers: o.broker.upstreams[cluster].Brokers, group: o.group, request: request, most: most, code: code, harmless: true}
	if g.brokers != nil {
		g.send = g.brokers.Call
	}
	g.ask(func(r kmsg.Response, code wire.ErrorCode) {
		defer answerAfterPanic(o)
		done(r, code)
		o.end()
	})
}

// askSubscriptions asks the home what the group's members subscribe to, and calls then unless it does not say.
func (o *offsetDeleteCall) askSubscriptions(then func(subscribed func(topic string) bool)) {
	request := kmsg.NewPtrDescribeGroupsRequest()
	request.Groups = []string{o.group}
	o.toCoordinator(o.home, request, notFoundIn-1, describedCode, func(r kmsg.Response, code wire.ErrorCode) {
		if code != wire.None && code != wire.GroupIDNotFound {
			o.fail(code)
			return
		}
		var topics []string
		unknown := false
		if described, ok := r.(*kmsg.DescribeGroupsResponse); ok && len(described.Groups) == 1 {
			topics, unknown = subscriptions(&described.Groups[0])
		}
		then(func(topic string) bool { return unknown || slices.Contains(topics, topic) })
	})
}

func describedCode(r kmsg.Response) wire.ErrorCode {
	described := r.(*kmsg.DescribeGroupsResponse) //nolint:forcetypeassert // as the request is
	if len(described.Groups) != 1 {
		return wire.UnknownServerError
	}
	return wire.ErrorCode(described.Groups[0].ErrorCode)
}

// subscriptions are the topics that the members of a group subscribe to. unknown: that cannot be seen now.
func subscriptions(g *kmsg.DescribeGroupsResponseGroup) (topics []string, unknown bool) {
	for i := range g.Members {
		var m kmsg.ConsumerMemberMetadata
		if g.State != "Stable" || g.ProtocolType != "consumer" || m.ReadFrom(g.Members[i].ProtocolMetadata) != nil {
			return nil, true
		}
		topics = append(topics, m.Topics...)
	}
	return topics, false
}

// deleteElsewhere deletes offsets on other clusters than the home.
func (o *offsetDeleteCall) deleteElsewhere(of map[string][]offsetPlace, subscribed func(topic string) bool) {
	for cluster, at := range of {
		var free []offsetPlace
		o.locked(func() {
			o.Note.cluster(cluster)
			for _, place := range at {
				if topic := &o.response.Topics[place.topic]; subscribed(topic.Topic) {
					topic.Partitions[place.partition].ErrorCode = int16(wire.GroupSubscribedToTopic)
					o.known = true
				} else {
					free = append(free, place)
				}
			}
		})
		if len(free) > 0 {
			o.deleteOn(cluster, free)
		}
	}
}

// deleteOn deletes offsets on one cluster.
func (o *offsetDeleteCall) deleteOn(cluster string, at []offsetPlace) {
	request := kmsg.NewPtrOffsetDeleteRequest()
	request.Group = o.group
	for _, place := range at {
		topic := &o.response.Topics[place.topic]
		if n := len(request.Topics); n == 0 || request.Topics[n-1].Topic != topic.Topic {
			request.Topics = append(request.Topics, kmsg.OffsetDeleteRequestTopic{Topic: topic.Topic})
		}
		last := &request.Topics[len(request.Topics)-1]
		last.Partitions = append(last.Partitions, kmsg.OffsetDeleteRequestTopicPartition{Partition: topic.Partitions[place.partition].Partition})
	}
	o.toCoordinator(cluster, request, 0, deletedCode, func(r kmsg.Response, code wire.ErrorCode) {
		switch {
		case code == wire.GroupIDNotFound:
		case code != wire.None:
			o.fail(code)
		default:
			o.locked(func() { o.take(r.(*kmsg.OffsetDeleteResponse), at) }) //nolint:forcetypeassert // as the request is
		}
	})
}

func deletedCode(r kmsg.Response) wire.ErrorCode {
	return wire.ErrorCode(r.(*kmsg.OffsetDeleteResponse).ErrorCode) //nolint:forcetypeassert // as the request is
}

// fail gives the whole an error.
func (o *offsetDeleteCall) fail(code wire.ErrorCode) {
	o.locked(func() {
		if o.code == wire.None {
			o.code = code
		}
	})
}

// take takes over what a cluster has answered.
func (o *offsetDeleteCall) take(r *kmsg.OffsetDeleteResponse, at []offsetPlace) {
	o.known = true
	o.response.ThrottleMillis = max(o.response.ThrottleMillis, r.ThrottleMillis)
	codes := map[wire.TopicPartition]int16{}
	for i := range r.Topics {
		for _, p := range r.Topics[i].Partitions {
			codes[wire.TopicPartition{Topic: r.Topics[i].Topic, Partition: p.Partition}] = p.ErrorCode
		}
	}
	for _, place := range at {
		topic := &o.response.Topics[place.topic]
		p := &topic.Partitions[place.partition]
		code, there := codes[wire.TopicPartition{Topic: topic.Topic, Partition: p.Partition}]
		if !there {
			code = int16(wire.UnknownServerError)
		}
		p.ErrorCode = code
	}
}

// finish answers the client.
func (o *offsetDeleteCall) finish() {
	if o.code == wire.None && !o.known && o.refusal.Code == wire.None {
		o.code = wire.GroupIDNotFound
	}
	summary := Summary{Topics: len(o.response.Topics)}
	o.Note.Fail(o.code, "")
	if o.code != o.refusal.Code {
		summary.fail(o.code)
	}
	if o.code != wire.None {
		o.response.Topics = nil // as of a broker
	}
	for i := range o.response.Topics {
		for _, p := range o.response.Topics[i].Partitions {
			o.Note.Fail(wire.ErrorCode(p.ErrorCode), "")
			if o.refusal.Code != wire.ErrorCode(p.ErrorCode) {
				summary.fail(wire.ErrorCode(p.ErrorCode))
			} else if p.ErrorCode != 0 {
				summary.Failed++
			}
		}
	}
	o.response.ErrorCode = int16(o.code)
	const head, topicHead, partition = 64, 8, 6
	size := head + len(o.Body)
	for i := range o.response.Topics {
		size += topicHead + partition*len(o.response.Topics[i].Partitions)
	}
	o.response.SetVersion(o.Header.Version)
	respond(o, size, Answer{Refusal: o.refusal, Summary: summary}, func(dst []byte) []byte {
		return wire.AppendResponse(dst, o.Header, o.response)
	})
}
