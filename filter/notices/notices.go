package notices

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/broker"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/software"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/status"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

const (
	// maxClosings and maxTopics are how many of the last are kept.
	maxClosings = 50
	maxTopics   = 100
	maxRefused  = 64
	// maxSaid and maxName are how long a text, and a name, may be.
	maxSaid = 1 << 10
	maxName = 256
)

// Client is who something happened to.
type Client struct {
	// Address is host:port, ID its client id, and Software what it calls itself, with its version. Empty: it is not known.
	Address, ID, Software string
}

// Notices is what happened to the clients of one configuration. New makes one; any goroutine may use it.
type Notices struct {
	log    *slog.Logger
	lines  lines
	logins bool // clients log in

	mu       sync.Mutex
	closings recent[status.Closing]
	topics   recent[status.Unmatched]
	refusals recent[status.Refusal]
	refused  recent[refused]
}

// refused is a client that was refused something.
type refused struct {
	who uint64 // its hash
	at  time.Time
}

// New returns one that logs to log. guard runs what timers call under a recover.
func New(log *slog.Logger, guard func(where string, call func())) *Notices {
	return &Notices{
		log: log, lines: lines{guard: guard},
		closings: recent[status.Closing]{most: maxClosings},
		topics:   recent[status.Unmatched]{most: maxTopics},
		refusals: recent[status.Refusal]{most: len(wire.RefusedKinds()) * len(software.Labels())},
		refused:  recent[refused]{most: maxRefused},
	}
}

// HasLogins says that clients log in. It is for before the first of them.
func (n *Notices) HasLogins() { n.logins = true }

// Close sums up what the log was not told of yet, and ends the logging.
func (n *Notices) Close() { n.lines.close() }

// Refused says that a request for api was answered with a refusal.
func (n *Notices) Refused(c Client, api wire.APIKey, r broker.Refusal) {
	now := time.Now()
	n.keepRefused(now, c)
	if r.Kind == wire.Producers {
		n.keepTopics(now, c, r)
	} else {
		n.keepRefusal(now, c, r.Kind, api)
	}
	n.tell(ofRefusal(r), c, api.String(), r.Code.String())
}

// Closing says that a client's connection is closed, and why. kind says what the client is, if it is closed for what it asked api for.
func (n *Notices) Closing(c Client, reason wire.Reason, detail string, kind wire.Kind, api wire.APIKey) {
	now := time.Now()
	n.keepClosing(status.Closing{
		Time: now, Client: c.Address, ClientID: c.ID, Software: c.Software,
		Kind: reason.String(), Reason: strings.Clone(wire.Clip(detail, maxSaid)),
	})
	if kind == wire.Producers {
		n.tell(ofClosing(reason, detail), c, "", "")
		return
	}
	n.keepRefused(now, c)
	n.keepRefusal(now, c, kind, api)
	n.tell(ofRefusal(broker.Refusal{Kind: kind, Reason: detail}), c, api.String(), "")
}

// Fill adds what is kept to what is known of a mesh's clients.
func (n *Notices) Fill(to *status.Clients) {
	n.mu.Lock()
	defer n.mu.Unlock()
	to.Closings, to.Unmatched, to.Refusals = n.closings.all(), n.topics.all(), n.refusals.all()
}

// keepTopics keeps what no rule matches.
func (n *Notices) keepTopics(now time.Time, c Client, r broker.Refusal) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, name := range r.Topics[:min(len(r.Topics), maxTopics)] {
		if !wire.ValidTopicName(name) { // no rule could
			continue
		}
		t := n.topics.touch(func(t *status.Unmatched) bool { return t.Topic == name })
		if t.Times == 0 {
			t.Topic, t.First = strings.Clone(name), now
		}
		t.Client, t.ClientID, t.Software = c.Address, c.ID, c.Software
		t.Times++
		t.Last = now
	}
}

func (n *Notices) keepClosing(c status.Closing) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.closings.add(c)
}

// keepRefused keeps who was refused something.
func (n *Notices) keepRefused(now time.Time, c Client) {
	who := c.hash()
	n.mu.Lock()
	defer n.mu.Unlock()
	r := n.refused.touch(func(r *refused) bool { return r.who == who })
	r.who, r.at = who, now
}

// keepRefusal keeps that a kind of client was refused.
func (n *Notices) keepRefusal(now time.Time, c Client, kind wire.Kind, api wire.APIKey) {
	label, name := software.Label(c.Software), kind.String()
	n.mu.Lock()
	defer n.mu.Unlock()
	r := n.refusals.touch(func(r *status.Refusal) bool { return r.Kind == name && software.Label(r.Software) == label })
	r.Kind, r.API, r.Client, r.ClientID, r.Software = name, api.String(), c.Address, c.ID, c.Software
	r.Times++
	r.Last = now
}

// tell logs what happened, unless the log has had the like. At the level debug it has everything.
func (n *Notices) tell(w words, c Client, api, told string) {
	ctx := context.Background()
	if !n.log.Enabled(ctx, w.level) {
		return
	}
	label := software.Label(c.Software)
	first := n.lines.admit(series{w.reason, label, w.apart(&c)}, c, w.subject(api), func(t *tally) { n.sumUp(w, label, t) })
	level := w.level
	if !first {
		if level = slog.LevelDebug; !n.log.Enabled(ctx, level) {
			return
		}
	}
	attrs := slices.Concat(w.about(), []slog.Attr{
		slog.String("reason", w.reason), slog.String("api", api), slog.String("told", told), slog.String("error", wire.Clip(w.detail, maxSaid)),
	})
	attrs = slices.DeleteFunc(attrs, func(a slog.Attr) bool { return a.Value.Kind() == slog.KindString && a.Value.String() == "" })
	attrs = append(attrs, slog.String("client", c.Address), slog.String("client_id", c.ID), slog.String("software", c.Software))
	n.log.LogAttrs(ctx, level, w.message, attrs...)
}

// sumUp logs how much the log was not told of.
func (n *Notices) sumUp(w words, label string, t *tally) {
	attrs := []slog.Attr{
		slog.String("reason", w.reason), slog.String("software", label), slog.Int("times", t.times), slog.Int("clients", len(t.clients)),
		slog.Duration("for", time.Since(t.began).Round(time.Second)),
	}
	if len(t.subjects) > 0 {
		attrs = append(attrs, slog.String(w.subjects(), strings.Join(t.subjects, ", ")))
	}
	n.log.LogAttrs(context.Background(), w.level, w.message+": more of the same", attrs...)
}
