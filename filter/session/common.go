package session

import (
	"log/slog"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/accesslog"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/broker"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/notices"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/quota"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/software"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// Limits is what clients may cost. Every field has a value.
type Limits struct {
	// MaxRequestBytes is the longest request that is accepted, without the four bytes of length.
	MaxRequestBytes int
	// MaxConnectionRequests and MaxConnectionBytes are what one client may have in flight before its reads pause.
	MaxConnectionRequests int
	MaxConnectionBytes    int64
	// MaxWorkerBytes is what all clients of a worker may have in flight together. It is at least MaxRequestBytes.
	MaxWorkerBytes int64
	// PartialRequestTimeout is the time in which a request that has begun to arrive must get on by a tenth of its length.
	PartialRequestTimeout time.Duration
	// ConnectionsMaxIdle is the time after which a connection is closed on which nothing happens. Zero: never.
	ConnectionsMaxIdle time.Duration
}

// Options is what the sessions of one configuration are made from.
type Options struct {
	Limits Limits
	// AdvertisedHost and AdvertisedPort are the address that clients are told the facade is at. No host: the one they dialled.
	AdvertisedHost string
	AdvertisedPort int32
	// Logins says how clients log in. Nil: they do not.
	Logins *broker.Logins
	// NamedBy is what clients are called by their certificates, which it chooses from; nil: nothing.
	NamedBy func(uri, dns, subject string) string
	// Quotas say what clients may do in a second. Nil: as much as they can.
	Quotas *quota.Quotas
	// Stats is what is counted in.
	Stats *stats.Set
	Log   *slog.Logger
	// AccessLog is told of the requests. Nil: it is off.
	AccessLog *accesslog.Log
	// TellsHost says that the host wants to know what a connection's requests came to: Session.Facts.
	TellsHost bool
	// Panicked is told of each panic that was stopped, where that was and, in pairs, more about it. It counts and logs it.
	Panicked func(reason any, where string, about ...any)
}

// Common is what the sessions of one configuration have in common. NewCommon makes one; any goroutine may use it.
type Common struct {
	Options

	apis       map[wire.APIKey]*stats.API
	violations map[wire.Reason]stats.Value
	refused    map[wire.Kind]stats.Value
	software   map[string]*stats.Client // by label
	throttled  []*stats.Quota           // of each rule of Quotas
	notices    *notices.Notices
	notes      notes
}

// NewCommon makes one of options.
func NewCommon(o Options) *Common {
	c := &Common{
		Options: o, apis: map[wire.APIKey]*stats.API{}, violations: map[wire.Reason]stats.Value{}, refused: map[wire.Kind]stats.Value{},
		software: map[string]*stats.Client{},
	}
	for _, api := range broker.APIs() {
		c.apis[api.Key] = o.Stats.API(api.API)
	}
	for _, reason := range wire.Reasons() {
		c.violations[reason] = o.Stats.Violation(reason)
	}
	for _, kind := range wire.RefusedKinds() {
		c.refused[kind] = o.Stats.Refused(kind)
	}
	for _, label := range software.Labels() {
		c.software[label] = o.Stats.Client(label)
	}
	for i := range o.Quotas.Len() {
		c.throttled = append(c.throttled, o.Stats.Quota(o.Quotas.Name(i)))
	}
	c.notices = notices.New(o.Log, c.guard)
	if o.Logins != nil {
		c.notices.HasLogins()
	}
	c.notes.init(&o)
	return c
}

// Notices is what happens to the clients.
func (c *Common) Notices() *notices.Notices { return c.notices }

// Close ends what is logged of clients.
func (c *Common) Close() { c.notices.Close() }

// guard runs a function under recover.
func (c *Common) guard(where string, call func()) {
	defer c.recover(where)
	call()
}

// recover stops a panic on a goroutine that is no client's.
func (c *Common) recover(where string) {
	if reason := recover(); reason != nil {
		c.Panicked(reason, where)
	}
}
