package broker

import "github.com/kafkamesh/envoy-kafka-mesh/filter/wire"

// Refusal is what the facade itself has refused of a request, and why. The zero value: nothing was refused.
type Refusal struct {
	// Code is what the client is told, None if nothing was refused. Of topics with several codes it is the first one's.
	Code wire.ErrorCode
	// Kind is what clients that are not served are; Producers: it is one that is served.
	Kind wire.Kind
	// Topics are those that the request names and that have no cluster, MaxTopics of them at most.
	Topics []string
	// Foreign, if not nil, has members of its own on a cluster that is not its home.
	Foreign *ForeignGroup
	// Denied is the first thing that rules deny to the client. Nil: nothing is.
	Denied *Denial
	// Reason says why, if Kind and Topics do not.
	Reason string
}

// ForeignGroup is a group, and the cluster that it has members of its own on.
type ForeignGroup struct{ Group, Cluster string }

// MaxTopics is how many topics of one request a Refusal names.
const MaxTopics = 100

// Unmatched reports whether it is for want of a rule that the first of the topics has no cluster. Else no topic can have its name.
func (r *Refusal) Unmatched() bool { return len(r.Topics) > 0 && wire.ValidTopicName(r.Topics[0]) }

// Why says why in words, empty if nothing was refused.
func (r *Refusal) Why() string {
	switch {
	case len(r.Topics) > 0:
		return whyNoCluster(r.Topics[0])
	case r.Denied != nil:
		return r.Denied.Why()
	case r.Kind == wire.Consumers:
		return "consumers are not served by this proxy"
	case r.Kind == wire.Transactions:
		return noTransactions
	case r.Foreign != nil:
		return "group " + quote(r.Foreign.Group) + " has members of its own on cluster " + r.Foreign.Cluster + ", which is not its home"
	default:
		return r.Reason
	}
}

// addTopic adds a topic that has no cluster. That is told before any other reason.
func (r *Refusal) addTopic(topic string, code wire.ErrorCode) {
	if len(r.Topics) == 0 {
		r.Code, r.Reason, r.Denied = code, "", nil
	}
	if len(r.Topics) < MaxTopics {
		r.Topics = append(r.Topics, topic)
	}
}

// deny says that rules deny something. Topics without a cluster are told of first.
func (r *Refusal) deny(d Denial) {
	if r.Code == wire.None {
		r.Code, r.Denied = deniedCode(d.Kind), &d
	}
}

// addMembers says that a group has members on a cluster that is not its home. Topics without a cluster are told of first.
func (r *Refusal) addMembers(group, cluster string) {
	if r.Code == wire.None {
		r.Code, r.Foreign = wire.GroupAuthorizationFailed, &ForeignGroup{wire.Clip(group, maxQuoted), cluster}
	}
}
