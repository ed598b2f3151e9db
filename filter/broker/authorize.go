package broker

import (
	"fmt"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/authorizer"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// Authorize has rules say who may do what, and denials of each counted. It is for before anything is served. Nil rules allow everything.
func (b *Broker) Authorize(rules *authorizer.Rules) { b.rules = rules }

// entitled is the rights of a client as one principal.
type entitled struct {
	who    *identity // as the client keeps it
	rights *authorizer.Rights
}

// rightsOf is what a client may do. Nil: everything.
func (b *Broker) rightsOf(c *Client) *authorizer.Rights {
	if b.rules == nil {
		return nil
	}
	who := c.identity.Load()
	if known := c.entitled.Load(); known != nil && known.who == who {
		return known.rights
	}
	name := authorizer.Anonymous
	if who != nil {
		name = who.principal
	}
	rights := b.rules.For(name)
	c.entitled.Store(&entitled{who, rights})
	return rights
}

// may reports whether the client of a call may do something that it asks for in so many words. If not, that is counted, and is in the
// access log and in the refusal.
func (b *Broker) may(c *Call, o authorizer.Operation, k authorizer.Kind, name string, r *Refusal) bool {
	rights := b.rightsOf(c.Client)
	return rights == nil || b.decided(c, o, k, name, rights.Decide(o, k, name), r)
}

// mayWrite is may for writing to a topic, whichever that is.
func (b *Broker) mayWrite(c *Call, r *Refusal) bool {
	const o, k = authorizer.Write, authorizer.Topic
	rights := b.rightsOf(c.Client)
	return rights == nil || b.decided(c, o, k, "", rights.Any(o, k), r)
}

// mayMatch is may for subscribing to whatever matches a regular expression: clusters match all that they have, and assign it.
func (b *Broker) mayMatch(c *Call, r *Refusal) bool {
	const o, k = authorizer.Describe, authorizer.Topic
	rights := b.rightsOf(c.Client)
	return rights == nil || b.decided(c, o, k, "", rights.All(o, k), r)
}

// mayAdminister is may for what is done to a topic: who may create topics in the cluster may create any.
func (b *Broker) mayAdminister(c *Call, o authorizer.Operation, topic string, r *Refusal) bool {
	return o == authorizer.Create && b.sees(c.Client, o, authorizer.Cluster, "") || b.may(c, o, authorizer.Topic, topic, r)
}

// sees reports whether a client may do something that it has not asked for by name, such as to know of a topic. Nobody is told if not.
func (b *Broker) sees(c *Client, o authorizer.Operation, k authorizer.Kind, name string) bool {
	return b.rightsOf(c).May(o, k, name)
}

// seesTopic reports whether a client may know that a topic is there.
func (b *Broker) seesTopic(c *Client, topic string) bool {
	return b.sees(c, authorizer.Describe, authorizer.Topic, topic)
}

// decided takes down a decision.
func (b *Broker) decided(c *Call, o authorizer.Operation, k authorizer.Kind, name string, d authorizer.Decision, r *Refusal) bool {
	c.Note.decide(b.rules, d)
	if d.Allowed {
		return true
	}
	b.counts.deny(d.Rule)
	denial := Denial{Principal: c.Client.Principal(), Operation: o, Kind: k, Name: wire.Clip(name, notedName), Rule: b.rules.Name(d.Rule)}
	c.Note.explain(&denial)
	r.deny(denial)
	return false
}

// Denial is what a client may not do.
type Denial struct {
	Principal string
	Operation authorizer.Operation
	Kind      authorizer.Kind
	// Name is what it may not do it with, clipped.
	Name string
	// Rule is what the rule is called that has denied it.
	Rule string
}

// Why says it in words, for the log.
func (d *Denial) Why() string {
	if d.Name == "" {
		return fmt.Sprintf("principal %s may not %v any %v", quote(d.Principal), d.Operation, d.Kind)
	}
	return fmt.Sprintf("principal %s may not %v %v %s", quote(d.Principal), d.Operation, d.Kind, quote(d.Name))
}

// groupDenied is what a broker says of a group that its client may not know of, if it is asked for its coordinator.
const groupDenied = "Group authorization failed."

// topicDenied is what a broker says of a topic to which its client may not do something, where it has words for that.
func topicDenied(o authorizer.Operation) string {
	switch o {
	case authorizer.Create:
		return "Authorization failed."
	case authorizer.Alter:
		return ""
	default:
		return "Topic authorization failed."
	}
}

// deniedCode is what a client is told that may not do something of a kind.
func deniedCode(k authorizer.Kind) wire.ErrorCode {
	switch k {
	case authorizer.Topic:
		return wire.TopicAuthorizationFailed
	case authorizer.Group:
		return wire.GroupAuthorizationFailed
	case authorizer.TransactionalID:
		return wire.TransactionalIDAuthorizationFailed
	default:
		return wire.ClusterAuthorizationFailed
	}
}
