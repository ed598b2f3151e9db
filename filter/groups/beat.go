package groups

import (
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// Beat is one heartbeat of a client on its way to the clusters and back. One goroutine at a time may use it.
type Beat struct {
	request *kmsg.ConsumerGroupHeartbeatRequest
	routes  Routes
	member  *Member // as it will be
	epochs  Epochs  // that the client means by its own
	shares  map[string][]string

	tell     bool // what is assigned, changed or not
	answered int
	refused  *kmsg.ConsumerGroupHeartbeatResponse // the first answer that is an error
	held     []string                             // clusters that have another in the member's place, or did not tell it that it has it
	interval int32
	throttle int32
}

// Routes says where topics are read. Any goroutine may use it.
type Routes interface {
	// Reads is the cluster that a topic is read from; empty: none.
	Reads(topic string) (cluster string)
	// Clusters are all that topics are read from, in order, and Home is where the members of a group are that read nothing.
	Clusters() []string
	Home(group string) string
}

// lateTimeout is how long a member may take to give up partitions, if it joins a cluster when it no longer says: Java's and librdkafka's
// max.poll.interval.ms.
const lateTimeout = 300_000

// Full says whether a heartbeat says all that a member is: its subscription among it.
func Full(r *kmsg.ConsumerGroupHeartbeatRequest) bool {
	return r.MemberEpoch == 0 || r.SubscribedTopicNames != nil || r.SubscribedTopicRegex != nil
}

// Owned is what a heartbeat says that the client owns; nil: it does not say.
func Owned(r *kmsg.ConsumerGroupHeartbeatRequest) []Assigned {
	if r.Topics == nil {
		return nil
	}
	owned := make([]Assigned, 0, len(r.Topics))
	for _, t := range r.Topics {
		owned = append(owned, Assigned{t.TopicID, t.Partitions})
	}
	return owned
}

// Begin begins a heartbeat of a member that is known by its epochs, or that joins: then known is nil, and its epoch is 0.
func Begin(r *kmsg.ConsumerGroupHeartbeatRequest, known *Member, epochs Epochs, routes Routes) *Beat {
	b := &Beat{request: r, routes: routes, member: known.clone(), epochs: epochs}
	b.tell = r.MemberEpoch == 0 || Full(r) && r.Topics != nil || b.member.Owes
	if known != nil && r.MemberEpoch == known.Told.Sum() {
		b.epochs = b.member.epochs() // a cluster may have gone on since, in what the client has not been told
	}
	if Full(r) {
		b.member.Asked = false
		b.subscribe()
	}
	if owned := Owned(r); owned != nil {
		b.member.Owned = owned
	}
	b.share()
	return b
}

// Regex says whether the member reads what matches a regular expression.
func (b *Beat) Regex() bool { return b.member.Subscription.Regex != "" }

// Instance is the member's, if it is a static one.
func (b *Beat) Instance() *string { return b.member.Subscription.Instance }

// Held are the clusters that a member has asked for its place in vain when it is on others already. They are left out until they give it.
func (b *Beat) Held() []string { return b.held }

// Requests are what the clusters are sent, by cluster. It is never empty.
func (b *Beat) Requests() map[string]*kmsg.ConsumerGroupHeartbeatRequest {
	requests := map[string]*kmsg.ConsumerGroupHeartbeatRequest{}
	for cluster, stake := range b.member.Stakes {
		if epoch, ok := b.epochs[cluster]; ok {
			requests[cluster] = b.goOn(cluster, epoch)
			stake.Unheard = true // until it answers
			b.member.Stakes[cluster] = stake
		}
	}
	for _, cluster := range b.routes.Clusters() {
		s := &b.member.Subscription
		if requests[cluster] == nil && s.Whole && (len(b.shares[cluster]) > 0 || s.Regex != "") {
			requests[cluster] = b.join(cluster)
		}
	}
	if len(requests) == 0 {
		home := b.routes.Home(b.request.Group)
		requests[home] = b.join(home)
	}
	return requests
}

// Take takes what a cluster answers. It keeps r.
func (b *Beat) Take(cluster string, r *kmsg.ConsumerGroupHeartbeatResponse) {
	b.throttle = max(b.throttle, r.ThrottleMillis)
	code := refusal(b.request, r)
	switch {
	case code == wire.None:
	case code.Transient():
		return
	case code == wire.UnreleasedInstanceID && b.request.MemberEpoch > 0:
		b.held = append(b.held, cluster)
		return
	case b.refused == nil:
		b.refused = r
		return
	default:
		return
	}
	if b.answered++; b.answered == 1 || r.HeartbeatIntervalMillis < b.interval {
		b.interval = r.HeartbeatIntervalMillis
	}
	b.tell = b.tell || r.Assignment != nil
	b.member.hear(cluster, listed(b.shares[cluster]), r, false)
}

// Answer is what the client is answered, and the member as it is now; nil: none that is to be remembered.
func (b *Beat) Answer() (*kmsg.ConsumerGroupHeartbeatResponse, *Member) {
	response := kmsg.NewPtrConsumerGroupHeartbeatResponse()
	response.ThrottleMillis, response.MemberID = b.throttle, new(b.request.MemberID)
	switch {
	case b.refused != nil:
		response.ErrorCode, response.ErrorMessage = b.refused.ErrorCode, b.refused.ErrorMessage
		if len(b.member.Told) == 0 {
			return response, nil
		}
		return response, b.member
	case b.answered == 0:
		response.ErrorCode, response.ErrorMessage = int16(wire.CoordinatorNotAvailable), new("no cluster of the group's answers")
		if len(b.member.Told) == 0 {
			return response, nil
		}
		return response, b.member
	}
	if told := b.member.epochs(); !maps.Equal(told, b.member.Told) {
		b.member.Told, b.member.Before = told, b.member.Told
	}
	response.MemberEpoch, response.HeartbeatIntervalMillis = b.member.Told.Sum(), b.interval
	if b.tell {
		b.member.Owes = false
		response.Assignment = b.member.assignment()
	}
	return response, b.member
}

// subscribe takes over what the client says that it reads.
func (b *Beat) subscribe() {
	r, s := b.request, &b.member.Subscription
	s.HadRegex = s.HadRegex || s.Regex != ""
	s.Names, s.Regex, s.Whole = slices.Clone(r.SubscribedTopicNames), "", true
	if r.SubscribedTopicRegex != nil {
		s.Regex = *r.SubscribedTopicRegex
	}
	if r.RebalanceTimeoutMillis > 0 {
		s.RebalanceTimeout = r.RebalanceTimeoutMillis
	}
	if r.MemberEpoch == 0 || r.InstanceID != nil {
		s.Instance = r.InstanceID
	}
	if r.MemberEpoch == 0 || r.RackID != nil {
		s.Rack = r.RackID
	}
	if r.MemberEpoch == 0 || r.ServerAssignor != nil {
		s.Assignor = r.ServerAssignor
	}
}

// share says which cluster reads what of the subscription, by the rules of now.
func (b *Beat) share() {
	b.shares = map[string][]string{}
	for _, name := range b.member.Subscription.Names {
		if cluster := b.routes.Reads(name); cluster != "" {
			b.shares[cluster] = append(b.shares[cluster], name)
		}
	}
}

// join is what a cluster is sent that the member joins.
func (b *Beat) join(cluster string) *kmsg.ConsumerGroupHeartbeatRequest {
	r := b.all(cluster)
	r.Topics = []kmsg.ConsumerGroupHeartbeatRequestTopic{}
	if b.request.SubscribedTopicRegex != nil && r.SubscribedTopicRegex == nil {
		r.SubscribedTopicRegex = new("")
	}
	if b.request.MemberEpoch == 0 { // what is wrong with it is the clusters' to say
		r.RebalanceTimeoutMillis, r.Topics = b.request.RebalanceTimeoutMillis, b.request.Topics
		if b.request.SubscribedTopicNames == nil {
			r.SubscribedTopicNames = nil
		}
	}
	return r
}

// all is a heartbeat that says all that the member is, but its epoch and what it owns.
func (b *Beat) all(cluster string) *kmsg.ConsumerGroupHeartbeatRequest {
	s := &b.member.Subscription
	r := kmsg.NewPtrConsumerGroupHeartbeatRequest()
	r.Group, r.MemberID = b.request.Group, b.request.MemberID
	r.InstanceID, r.RackID, r.ServerAssignor = s.Instance, s.Rack, s.Assignor
	r.RebalanceTimeoutMillis = lateTimeout
	if s.RebalanceTimeout > 0 {
		r.RebalanceTimeoutMillis = s.RebalanceTimeout
	}
	r.SubscribedTopicNames = listed(b.shares[cluster])
	if s.Regex != "" {
		r.SubscribedTopicRegex = new(s.Regex)
	}
	return r
}

// goOn is what a cluster is sent that the member is on. One that has left a heartbeat without an answer is told all, as by a client that
// had none: it may have gone on to an epoch that nobody knows here, and takes the one before only so; and what it had to be told then, it
// is told now.
func (b *Beat) goOn(cluster string, epoch int32) *kmsg.ConsumerGroupHeartbeatRequest {
	stake := b.member.Stakes[cluster]
	if stake.Unheard {
		r := b.all(cluster)
		r.MemberEpoch, r.Topics = epoch, b.owned(cluster)
		if r.SubscribedTopicRegex == nil && b.member.Subscription.HadRegex {
			r.SubscribedTopicRegex = new("")
		}
		return r
	}
	r := *b.request
	r.MemberEpoch = epoch
	if share := listed(b.shares[cluster]); r.SubscribedTopicNames != nil || !slices.Equal(share, stake.Names) {
		r.SubscribedTopicNames = share
	}
	if r.Topics != nil {
		r.Topics = b.owned(cluster)
	}
	return &r
}

// owned is what a cluster is told that the client owns of it, as the client said last, and if it has not, what was assigned. A cluster fences
// who owns what it has not assigned, also of a topic that another one has just taken away.
func (b *Beat) owned(cluster string) []kmsg.ConsumerGroupHeartbeatRequestTopic {
	stake, said := b.member.Stakes[cluster], b.member.Owned
	if said == nil {
		said = stake.Assigned
	}
	owned := []kmsg.ConsumerGroupHeartbeatRequestTopic{}
	for _, a := range said {
		if stake.had(a.Topic) || !anyOf(b.member.Stakes, (*Stake).had, a.Topic) { // to all, if it is not known whose it is: it is one of theirs that waits for it
			owned = append(owned, kmsg.ConsumerGroupHeartbeatRequestTopic{TopicID: a.Topic, Partitions: a.Partitions})
		}
	}
	return owned
}

// listed is names, and never nil, which would mean that they are as before.
func listed(names []string) []string {
	if names == nil {
		return []string{}
	}
	return names
}

// assignment is all that the clusters assign.
func (m *Member) assignment() *kmsg.ConsumerGroupHeartbeatResponseAssignment {
	all := kmsg.NewConsumerGroupHeartbeatResponseAssignment()
	for _, cluster := range slices.Sorted(maps.Keys(m.Stakes)) {
		for _, a := range m.Stakes[cluster].Assigned {
			t := kmsg.NewConsumerGroupHeartbeatResponseAssignmentTopic()
			t.TopicID, t.Partitions = a.Topic, a.Partitions
			all.Topics = append(all.Topics, t)
		}
	}
	return &all
}
