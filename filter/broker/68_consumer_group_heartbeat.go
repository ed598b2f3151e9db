package broker

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/authorizer"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/groups"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/target"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// consumerGroupHeartbeatAPI keeps members of groups of the new protocol (KIP-848) on every cluster that they read topics of.
//
// A group whose topics are all of one cluster is that cluster's. Else a member is one, with the same id, of a group of the same name on
// each cluster: each assigns the partitions of its own topics, and fences with its own epochs. The client is told the sum of the epochs
// and the union of what is assigned (package groups). A cluster that does not answer is left out: what it assigned stays. A member that
// this proxy does not know, because it was restarted or another one served it, is asked to say all it is (NOT_COORDINATOR), and known
// again by what the clusters say of it (ConsumerGroupDescribe); it is fenced only if they say another epoch.
//
// Who subscribes with a regular expression has to have the right to describe all topics: a cluster knows one user, and would assign to the
// member what it may not know of, which nobody reads then. A topic without a rule gets TOPIC_AUTHORIZATION_FAILED, unless configured otherwise, as from a broker that does not allow it. What
// matches a regular expression is the brokers' to say (KIP-1043); what no rule sends to that cluster is left out of the answer.
func consumerGroupHeartbeatAPI() API {
	return API{
		API: wire.API{Shape: wire.ShapeConsumerGroupHeartbeat, Min: 0, Max: 1}, Decided: 1,
		Short: "a member of each cluster's group, made one", Query: true, Serve: (*Broker).consumerGroupHeartbeat,
	}
}

// What is held for a name and for a topic of a heartbeat, beside the body, and sent on.
const (
	subscribedCost = 64
	ownedCost      = 128
)

// heartbeatPatience is how long a cluster is waited for before the client is answered without it.
const heartbeatPatience = 3 * time.Second

// heartbeatCall is one ConsumerGroupHeartbeat on its way.
type heartbeatCall struct {
	*scatter

	broker  *Broker
	key     groups.Key
	request *kmsg.ConsumerGroupHeartbeatRequest
	beat    *groups.Beat
	// response is the answer if there is no beat.
	response *kmsg.ConsumerGroupHeartbeatResponse
	refusal  Refusal
	old      string // a cluster that does not know the API, or not the version that this needs
	heard    bool   // of who leaves: a cluster has said something
	asked    []string
	instance *string // of a static member, if it is known
	over     func()  // ends its turn
}

func (b *Broker) consumerGroupHeartbeat(c *Call) error {
	request, err := decode[*kmsg.ConsumerGroupHeartbeatRequest](b, c)
	if err != nil {
		return err
	}
	if err := hold(c, len(c.Body)+subscribedCost*len(request.SubscribedTopicNames)+ownedCost*len(request.Topics)); err != nil {
		return err
	}
	if request.MemberID == "" && request.MemberEpoch == 0 {
		request.MemberID = mintMemberID()
	}
	h := &heartbeatCall{broker: b, key: groups.Key{Group: request.Group, Member: request.MemberID}, request: request}
	h.scatter = newScatter(c, h.finish)
	begin := func(done func()) {
		h.over = done
		h.start()
		h.end()
	}
	if request.MemberEpoch >= 0 {
		c.Client.beats.add(c, begin)
		return nil
	}
	c.Client.groups.add(c, func(done func()) { // who leaves has committed before
		c.Client.beats.add(c, func(another func()) {
			begin(func() {
				another()
				done()
			})
		})
	})
	return nil
}

// start decides what the clusters are asked.
func (h *heartbeatCall) start() {
	r := h.request
	if !h.broker.may(h.Call, authorizer.Read, authorizer.Group, r.Group, &h.refusal) {
		h.deny(wire.GroupAuthorizationFailed)
		return
	}
	if r.MemberEpoch < 0 {
		h.leave()
		return
	}
	for _, topic := range r.SubscribedTopicNames {
		if !h.broker.may(h.Call, authorizer.Describe, authorizer.Topic, topic, &h.refusal) {
			h.deny(wire.TopicAuthorizationFailed)
			return
		}
	}
	if r.SubscribedTopicRegex != nil && *r.SubscribedTopicRegex != "" && !h.broker.mayMatch(h.Call, &h.refusal) {
		h.deny(wire.TopicAuthorizationFailed)
		return
	}
	if topic := h.broker.forbidden(r.SubscribedTopicNames); topic != "" {
		h.refusal.addTopic(topic, wire.TopicAuthorizationFailed)
		h.fail(wire.TopicAuthorizationFailed, whyNoCluster(topic))
		return
	}
	if r.MemberEpoch == 0 {
		h.join()
		return
	}
	known := h.broker.members.Find(h.key)
	epochs, ok := known.EpochsOf(r.MemberEpoch)
	elsewhere := !known.IsOn(h.Client.beatsOn())
	full := groups.Full(r) && (!elsewhere || r.Topics != nil) // who comes elsewhere says what it owns, too
	switch {
	case ok && elsewhere && full:
		h.send(known.Elsewhere(), epochs)
	case ok && !elsewhere && known.Refused != nil:
		h.broker.members.Keep(h.key, known.WithoutRefusal())
		h.response, h.instance = known.Refused, known.Subscription.Instance
	case ok && !elsewhere && (full || known.Subscription.Whole || known.Asked):
		h.send(known, epochs)
	case !full && !known.WasAsked():
		h.broker.members.Keep(h.key, known.Ask(ok))
		h.fail(wire.NotCoordinator, "this proxy does not know the member, which is to say all it is")
	default:
		h.recall()
	}
}

// join has the member join, unless the group has members of the classic protocol, and other clusters than their home are to be joined: those
// would assign to this one what the others read. Of its own topics the home itself says whether both may share them.
func (h *heartbeatCall) join() {
	home := h.broker.routes.Home(h.key.Group)
	clusters := groups.Begin(h.request, nil, nil, reading{h.broker}).Requests()
	brokers := h.broker.upstreams[home].Brokers
	if delete(clusters, home); len(clusters) == 0 || brokers == nil {
		h.send(nil, nil)
		return
	}
	classic, known := h.broker.classics.find(h.key.Group, time.Now())
	then := func() {
		if classic {
			h.refuseClassic(home)
		} else { // or it is not known
			h.send(nil, nil)
		}
	}
	if known {
		then()
		return
	}
	request := kmsg.NewPtrDescribeGroupsRequest()
	request.Groups = []string{h.key.Group}
	h.begin()
	h.soon(heartbeatPatience, func(settle func(take func())) {
		brokers.Call(target.Coordinator(h.key.Group), request, describeGroupsVersion, func(r kmsg.Response, err error) {
			settle(func() {
				if err == nil {
					classic = membersCode(r) == wire.UnknownMemberID
					h.broker.classics.keep(h.key.Group, classic, time.Now())
				}
			})
		})
	}, func() {}, func() {
		then()
		h.end()
	})
}

// refuseClassic refuses who joins a group of the classic protocol, with the code of a broker that does not have both in one group.
func (h *heartbeatCall) refuseClassic(home string) {
	why := "group " + quote(h.key.Group) + " has members with group.protocol=classic on cluster " + home +
		", and is to read topics of other clusters: stop them first, or set group.protocol=classic"
	h.refusal = Refusal{Code: wire.GroupIDNotFound, Reason: why}
	h.fail(wire.GroupIDNotFound, why)
}

// recall has the clusters say what they know of the member.
func (h *heartbeatCall) recall() {
	h.begin()
	h.broker.recall(h.key.Group, func(k *groups.Known) {
		defer answerAfterPanic(h)
		m, code := k.Member(h.key, h.request.MemberEpoch, groups.Owned(h.request), h.broker.reads(h.request))
		if code != wire.None {
			h.fail(code, "the group's clusters do not know this epoch of the member")
		} else {
			h.send(m, m.Told)
		}
		h.end()
	})
}

// fail answers with an error of the facade's own.
func (h *heartbeatCall) fail(code wire.ErrorCode, message string) {
	h.response = kmsg.NewPtrConsumerGroupHeartbeatResponse()
	h.response.ErrorCode, h.response.ErrorMessage = int16(code), &message
}

// deny answers that the client may not do it, for which a broker has no words.
func (h *heartbeatCall) deny(code wire.ErrorCode) {
	h.response = kmsg.NewPtrConsumerGroupHeartbeatResponse()
	h.response.ErrorCode = int16(code)
}

// send sends each cluster its part, on a connection of the client's own: coordinators tell who their members are by its client id.
func (h *heartbeatCall) send(known *groups.Member, epochs groups.Epochs) {
	h.beat = groups.Begin(h.request, known, epochs, reading{h.broker})
	requests := h.beat.Requests()
	h.asked = slices.Sorted(maps.Keys(requests))
	for cluster, r := range requests {
		send := onOwn(h.Call, h.broker.upstreams[cluster].Brokers, groupTime)
		h.sendTo(cluster, r, send, func(said *kmsg.ConsumerGroupHeartbeatResponse) { h.beat.Take(cluster, said) })
	}
}

// sendTo sends one cluster its part, and has take look at what it answers, one at a time. What comes too late for that is remembered.
func (h *heartbeatCall) sendTo(cluster string, r *kmsg.ConsumerGroupHeartbeatRequest, send sender, take func(*kmsg.ConsumerGroupHeartbeatResponse)) {
	up, to := h.broker.upstreams[cluster], target.Coordinator(h.key.Group)
	h.Note.cluster(cluster)
	h.begin()
	h.soon(heartbeatPatience, func(settle func(take func())) {
		send(to, r, consumerGroupVersion, func(response kmsg.Response, err error) {
			said := h.said(up, response, err)
			late := true
			settle(func() {
				late = false
				if errors.Is(err, wire.ErrVersion) {
					h.old = cluster
				}
				if said != nil {
					take(said)
				}
			})
			if late && said != nil {
				h.remember(cluster, r, said)
			}
		})
	}, func() {}, h.end)
}

// said is what a cluster has answered, as far as clients hear of it; nil: it has not. Who may have nothing to do with a group is told so by
// whoever is asked for its coordinator.
func (h *heartbeatCall) said(up Upstream, r kmsg.Response, err error) *kmsg.ConsumerGroupHeartbeatResponse {
	if err != nil {
		if code, _ := unanswered(err); code == wire.GroupAuthorizationFailed {
			said := kmsg.NewPtrConsumerGroupHeartbeatResponse()
			said.ErrorCode = int16(code)
			return said
		}
		return nil
	}
	said := r.(*kmsg.ConsumerGroupHeartbeatResponse) //nolint:forcetypeassert // as the request is
	if wire.ErrorCode(said.ErrorCode) == wire.NotCoordinator {
		up.Brokers.Doubt(target.Coordinator(h.key.Group))
	}
	if a := said.Assignment; a != nil {
		for i := range a.Topics {
			a.Topics[i].Partitions = capped(a.Topics[i].Partitions, up.PartitionCount)
		}
	}
	return said
}

// remember takes in what a cluster has answered after the client was, when the client's next heartbeat is over if there is one already.
func (h *heartbeatCall) remember(cluster string, asked *kmsg.ConsumerGroupHeartbeatRequest, said *kmsg.ConsumerGroupHeartbeatResponse) {
	h.Client.beats.add(h, func(done func()) {
		defer done()
		if m := h.broker.members.Find(h.key).Heard(cluster, asked, said); m != nil {
			h.broker.members.Keep(h.key, m)
		}
	})
}

// leave has the member leave every cluster that it may be on. One that does not answer forgets it when its session is over. Clients may be
// gone before that is done, and their own connections with them.
func (h *heartbeatCall) leave() {
	known := h.broker.members.Find(h.key)
	h.broker.members.Forget(h.key)
	h.fail(wire.CoordinatorNotAvailable, "no cluster of the group's answers")
	left := false
	for _, cluster := range h.broker.clusters {
		if !known.MayBeOn(cluster) {
			continue
		}
		r := *h.request
		h.sendTo(cluster, &r, h.broker.upstreams[cluster].Brokers.Call, func(said *kmsg.ConsumerGroupHeartbeatResponse) {
			h.heard = true
			said.Assignment = nil // of nobody any more
			if code := wire.ErrorCode(said.ErrorCode); code == wire.None || !left && !code.Transient() {
				left = code == wire.None
				h.response = said
			}
		})
	}
}

// finish makes the answer and gives it.
func (h *heartbeatCall) finish() {
	if h.response == nil {
		response, member := h.beat.Answer()
		if member != nil {
			member.On = h.Client.beatsOn()
			h.broker.members.Keep(h.key, member)
		}
		h.response = response
	}
	if h.old != "" && !h.heard {
		h.fail(wire.UnsupportedVersion, h.tooOld())
	}
	h.release(h.answerRead)
}

// answerRead answers the client with what the rules have it read.
func (h *heartbeatCall) answerRead() {
	if a := h.response.Assignment; a != nil && h.beat != nil && h.beat.Regex() {
		h.broker.onlyRead(h.Client, a, func(sure bool) {
			defer answerAfterPanic(h)
			if m := h.broker.members.Find(h.key); m != nil && !sure {
				h.broker.members.Keep(h.key, m.Owing()) // what is not known now may be nothing that the client reads
			}
			h.answerClient()
		})
		return
	}
	h.answerClient()
}

// tooOld says what a cluster is too old for, and what to do about it.
func (h *heartbeatCall) tooOld() string {
	const classic = "set group.protocol=classic"
	if h.beat != nil && h.beat.Regex() {
		return "cluster " + h.old + " matches no regular expressions for group.protocol=consumer: subscribe to topics by their names, or " + classic
	}
	return "cluster " + h.old + " does not know group.protocol=consumer: " + classic
}

// answerClient answers the client.
func (h *heartbeatCall) answerClient() {
	defer h.over()
	h.takeDown()
	response := h.response
	response.SetVersion(h.Header.Version)
	const head, topic = 256 + maxSaid, 64
	size := head + len(h.key.Member)
	if response.ErrorMessage != nil {
		response.ErrorMessage = new(wire.Clip(*response.ErrorMessage, maxSaid))
	}
	if a := response.Assignment; a != nil {
		for i := range a.Topics {
			size += topic + 4*len(a.Topics[i].Partitions)
		}
	}
	answer := Answer{Refusal: h.refusal}
	if h.refusal.Code == wire.None {
		answer.Summary.fail(wire.ErrorCode(response.ErrorCode))
	}
	respond(h, size, answer, func(dst []byte) []byte { return wire.AppendResponse(dst, h.Header, response) })
}

// mintMemberID makes the id of a member that leaves it to the broker, as Java's Uuid writes one.
func mintMemberID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	b[0] &= 0x7f           // no id begins with what a command line takes for an option
	return base64.RawURLEncoding.EncodeToString(b[:])
}
