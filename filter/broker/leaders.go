package broker

import (
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/authorizer"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/route"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/target"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// partitionCost is what is held for each partition of a request that leaders are asked about, beside the frame.
const partitionCost = 320

// leaderAPI is what an API does whose requests are for the leaders of partitions. Partitions are known by their places in the request.
// Its methods are called one at a time, but for ask.
type leaderAPI interface {
	// ask makes the request to one leader, about the partitions at some places.
	ask(places []int) kmsg.Request
	// take takes over what a leader has answered about them.
	take(response kmsg.Response, at *places)
	// fail gives a partition an error, and code is the one that it has.
	fail(place int, code wire.ErrorCode)
	code(place int) wire.ErrorCode
	// answer makes the response, which has size bytes at most.
	answer() (response kmsg.Response, size int)
}

// leadersCall is a request about partitions on its way, in parts to the leaders of these.
type leadersCall struct {
	*scatter

	broker *Broker
	api    leaderAPI
	most   int16         // the newest version that leaders are asked in
	within time.Duration // not zero: that is how long they may take, on connections of the client's own

	partitions []wire.TopicPartition // by place
	refused    []bool                // by place: nobody is asked about it
	refusal    Refusal
	summary    Summary
}

func newLeadersCall(b *Broker, c *Call, api leaderAPI, most int16) *leadersCall {
	call := &leadersCall{broker: b, api: api, most: most}
	call.scatter = newScatter(c, call.finish)
	return call
}

// topic takes note of a topic that the request names.
func (l *leadersCall) topic(name string) {
	l.Note.topic(name)
	l.summary.Topics++
}

// add gives a partition its place.
func (l *leadersCall) add(topic string, partition int32) {
	l.partitions = append(l.partitions, wire.TopicPartition{Topic: topic, Partition: partition})
	l.refused = append(l.refused, false)
}

// refuse gives a partition an error before anybody is asked.
func (l *leadersCall) refuse(place int, code wire.ErrorCode) {
	l.refused[place] = true
	l.api.fail(place, code)
}

// send asks the leaders of all partitions that are not refused, for what is an operation of the topics, in the clusters that these are read
// from.
func (l *leadersCall) send(o authorizer.Operation) {
	var (
		known   bool
		last    string
		rule    route.Rule
		code    wire.ErrorCode
		unruled names
	)
	clusters, of := byCluster(len(l.partitions), func(place int) (string, bool) {
		if l.refused[place] {
			return "", false
		}
		if topic := l.partitions[place].Topic; !known || topic != last {
			known, last = true, topic
			if !l.broker.may(l.Call, o, authorizer.Topic, topic, &l.refusal) {
				rule, code = route.Rule{}, wire.TopicAuthorizationFailed
			} else if rule, code = l.broker.readRuleOf(topic); code != wire.None && unruled.add(topic) {
				l.broker.countUnmatched(topic)
				l.refusal.addTopic(topic, code)
			}
		}
		if code != wire.None {
			l.refuse(place, code)
		}
		return rule.Cluster, code == wire.None
	})
	for _, name := range clusters {
		l.Note.cluster(name)
	}
	for _, name := range clusters {
		l.sendTo(l.broker.upstreams[name].Brokers, of[name])
	}
	l.end()
}

// sendTo asks the leaders of one cluster about the partitions at some places.
func (l *leadersCall) sendTo(b Brokers, at []int) {
	partitions := make([]wire.TopicPartition, len(at))
	for i, place := range at {
		partitions[i] = l.partitions[place]
	}
	l.toLeaders(b, partitions, func(leader target.Broker, which []int) {
		for i, n := range which {
			which[i] = at[n]
		}
		l.askLeader(b, leader, which)
	}, func(i int, code wire.ErrorCode) { l.api.fail(at[i], leaderless(code)) })
}

// leaderless is what is said of a partition that nobody leads: a broker that is asked about such a one does not lead it.
func leaderless(code wire.ErrorCode) wire.ErrorCode {
	if code == wire.None || code == wire.LeaderNotAvailable {
		return wire.NotLeaderOrFollower
	}
	return code
}

// askLeader asks one leader. It is doubted if it cannot be reached, or denies that it leads.
func (l *leadersCall) askLeader(b Brokers, leader target.Broker, at []int) {
	l.begin()
	done := func(r kmsg.Response, err error) {
		defer answerAfterPanic(l)
		var doubted []target.Broker
		l.locked(func() { doubted = l.take(r, err, at) })
		for _, d := range doubted {
			b.Doubt(d)
		}
		l.end()
	}
	if l.within > 0 {
		l.Client.ownOf(b).Call(leader, l.api.ask(at), l.most, l.within, done)
		return
	}
	b.Call(leader, l.api.ask(at), l.most, done)
}

// take takes over what came of asking one leader, and returns who is to be doubted.
func (l *leadersCall) take(r kmsg.Response, err error, at []int) (doubted []target.Broker) {
	failure := wire.UnknownServerError // of what the leader says nothing about
	switch {
	case errors.Is(err, wire.ErrVersion):
		failure = wire.UnsupportedVersion
	case err != nil:
		failure = wire.NotLeaderOrFollower
	}
	for _, place := range at {
		l.api.fail(place, failure)
	}
	if err == nil {
		l.api.take(r, l.placesOf(at))
	}
	var topics names
	for _, place := range at {
		if p := l.partitions[place]; denies(l.api.code(place)) && topics.add(p.Topic) {
			doubted = append(doubted, target.Leader(p.Topic, p.Partition))
		}
	}
	return doubted
}

// denies reports whether a broker that answers so says that it does not lead the partition, or no more.
func denies(code wire.ErrorCode) bool {
	switch code {
	case wire.NotLeaderOrFollower, wire.UnknownTopicOrPartition, wire.FencedLeaderEpoch, wire.KafkaStorageError:
		return true
	default:
		return false
	}
}

// finish answers the client.
func (l *leadersCall) finish() {
	for place := range l.partitions {
		code := l.api.code(place)
		l.Note.Fail(code, "")
		if l.refused[place] {
			l.summary.Failed++
		} else {
			l.summary.fail(code)
		}
	}
	response, size := l.api.answer()
	response.SetVersion(l.Header.Version)
	respond(l, size, Answer{Refusal: l.refusal, Summary: l.summary}, func(dst []byte) []byte {
		return wire.AppendResponse(dst, l.Header, response)
	})
}

// places finds the places that a leader was asked about.
type places struct{ of map[wire.TopicPartition][]int }

func (l *leadersCall) placesOf(at []int) *places {
	p := &places{of: make(map[wire.TopicPartition][]int, len(at))}
	for _, place := range at {
		name := l.partitions[place]
		p.of[name] = append(p.of[name], place)
	}
	return p
}

// next is the place of a partition, and of one that was asked about more than once the next that has had no answer. False: it was not
// asked about.
func (p *places) next(topic string, partition int32) (place int, ok bool) {
	name := wire.TopicPartition{Topic: topic, Partition: partition}
	left := p.of[name]
	if len(left) == 0 {
		return 0, false
	}
	p.of[name] = left[1:]
	return left[0], true
}

// eachTopic calls f for each topic of the partitions at some places, in the order of their first.
func (l *leadersCall) eachTopic(at []int, f func(topic string, at []int)) {
	topics, of := byCluster(len(at), func(i int) (string, bool) { return l.partitions[at[i]].Topic, true })
	for _, topic := range topics {
		which := of[topic]
		for i, n := range which {
			which[i] = at[n]
		}
		f(topic, which)
	}
}

// all are the places of all partitions.
func (l *leadersCall) all() []int {
	at := make([]int, len(l.partitions))
	for i := range at {
		at[i] = i
	}
	return at
}
