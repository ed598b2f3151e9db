package notices

import (
	"hash/maphash"
	"log/slog"
	"strings"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/authorizer"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/broker"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// words are what the log has of something that happened. Messages say what to do, and never have anything of a client's in them.
type words struct {
	level   slog.Level
	reason  string // one of few: with the client's software, what lines are counted by
	message string
	topic   string // what it is about; empty: no topic
	detail  string // why, if the message does not say

	principal, rule string // of what is denied
}

// ofRefusal is what is said of a refusal.
func ofRefusal(r broker.Refusal) words {
	w := words{level: slog.LevelWarn, reason: r.Kind.String(), detail: r.Reason}
	switch r.Kind {
	case wire.Consumers:
		w.message = "what this consumer asks for is not served, as share groups are not: have it connect to the cluster itself"
	case wire.Administrators:
		w.message = "an administrator is not served: have it connect to the cluster itself"
		if r.Code != wire.None { // it is served, but not to all
			w.message = "clients may not do this: let them with administration, or have the client connect to the cluster itself"
		}
	case wire.Logins:
		w.message = "clients do not log in to this mesh: leave SASL out of the client's settings, or have clients log in with authentication"
	case wire.Transactions:
		w.message = "transactions are not served: leave transactional.id out, or have the producer connect to the cluster itself"
	case wire.Producers:
		w.ofProducer(r)
	case wire.Others:
		w.message = "what was asked for is not served"
	}
	return w
}

// ofProducer is ofRefusal for those who may ask, but not for this.
func (w *words) ofProducer(r broker.Refusal) {
	switch {
	case r.Denied != nil:
		w.reason, w.message = "denied", "authorization does not let a client do this: allow it by a rule, or correct the client"
		w.detail, w.principal, w.rule = r.Why(), r.Denied.Principal, r.Denied.Rule
		if r.Denied.Kind == authorizer.Topic {
			w.topic = strings.Clone(wire.Clip(r.Denied.Name, maxName))
		}
	case r.Unmatched():
		w.reason, w.message = "unmatched_topic", "no forwarding rule matches the topic: add one, or see whether the prefix is right"
	case r.Foreign != nil:
		w.reason, w.message = "foreign_members", "a group has members on a cluster that is not its home: have them connect to the mesh, or make "+
			"that cluster the group's home"
		w.detail = r.Why()
	case len(r.Topics) > 0:
		w.reason, w.message = "invalid_topic", "no topic can have this name: correct it"
	default:
		w.reason, w.message = "invalid_request", "refusing a client's request"
	}
	if len(r.Topics) > 0 {
		w.topic = strings.Clone(wire.Clip(r.Topics[0], maxName))
	}
}

// ofClosing is what is said of a connection that is closed.
func ofClosing(reason wire.Reason, detail string) words {
	return words{level: slog.LevelWarn, reason: reason.String(), message: closing(reason), detail: detail}
}

// closing says that a connection is closed, and what to do about it where that is always the same.
func closing(reason wire.Reason) string {
	switch reason {
	case wire.ReasonLoginRequired, wire.ReasonLoginTimeout:
		return "a client did not log in: set security.protocol=SASL_SSL, or SASL_PLAINTEXT where there is no TLS, and sasl.mechanism in its settings"
	case wire.ReasonLoginFailed:
		return "a client's login failed"
	case wire.ReasonLoginOrder:
		return "a client does not log in as clients of Kafka do"
	case wire.ReasonLoginExpired:
		return "a client did not log in anew before its login expired: use a client that does (KIP-368), or have tokens and max_reauth_ms last longer"
	case wire.ReasonIdentityReplaced:
		return "a client is to connect anew: a cluster sees it as somebody else from now on"
	default:
		return "closing a client's connection"
	}
}

// about is what it is about, as attributes. Those that are empty say nothing.
func (w *words) about() []slog.Attr {
	return []slog.Attr{slog.String("topic", w.topic), slog.String("principal", wire.Clip(w.principal, maxName)), slog.String("rule", w.rule)}
}

// subject is what summaries name: the topic, or else the API.
func (w *words) subject(api string) string {
	if w.topic != "" {
		return w.topic
	}
	return api
}

// subjects is what these are called.
func (w *words) subjects() string {
	if w.topic != "" {
		return "topics"
	}
	return "apis"
}

// apart tells what is denied to one client from all else that is; 0: it is no denial.
func (w *words) apart(c *Client) uint64 {
	if w.rule == "" {
		return 0
	}
	return max(1, maphash.Comparable(seed, [4]any{c.hash(), w.principal, w.rule, w.detail}))
}
