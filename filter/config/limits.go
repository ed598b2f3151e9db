package config

import (
	"math"
	"time"

	kafkameshv1 "github.com/kafkamesh/envoy-kafka-mesh/proto/kafkamesh/v1"
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

// IdentityLimits is what clients' identities may cost. Every field has a value.
type IdentityLimits struct {
	// Most is how many a worker keeps connections for, and MaxIdle for how long without clients.
	Most    int
	MaxIdle time.Duration
}

// Defaults of limits. What they rest on: docs/decisions.md.
const (
	defaultRequestBytes       = 100 << 20
	defaultConnectionRequests = 1024
	defaultConnectionBytes    = 16 << 20
	defaultWorkerBytes        = 256 << 20
	defaultPartialTimeoutMs   = 60_000
	defaultMaxIdleMs          = 600_000
	defaultIdentities         = 100
	defaultIdentityIdleMs     = 300_000
)

// Ranges of limits. A request of more than 1 GiB would not fit upstream, where others and a header come on top.
const (
	minRequestBytes       = 1 << 10
	maxRequestBytes       = 1 << 30
	maxConnectionRequests = 1_000_000
	minConnectionBytes    = 1 << 10
	minWorkerBytes        = 1 << 20
	maxBytes              = 1 << 40
	minPartialTimeoutMs   = 1000
	maxPartialTimeoutMs   = 3_600_000
	minMaxIdleMs          = 1000
	maxIdentities         = 10_000
	minIdentityIdleMs     = 1000
	maxIdentityIdleMs     = 86_400_000
)

// limits checks limits and fills c.Limits.
func (c *Config) limits(bad *mistakes, m *kafkameshv1.Limits) {
	if m == nil {
		m = &kafkameshv1.Limits{}
	}
	const at = "limits"
	request := limit(bad, join(at, "max_request_bytes"), m.MaxRequestBytes, defaultRequestBytes, minRequestBytes, maxRequestBytes)
	requests := limit(bad, join(at, "max_in_flight_requests_per_connection"), m.MaxInFlightRequestsPerConnection,
		defaultConnectionRequests, 1, maxConnectionRequests)
	connection := limit(bad, join(at, "max_in_flight_bytes_per_connection"), m.MaxInFlightBytesPerConnection,
		defaultConnectionBytes, minConnectionBytes, maxBytes)
	worker := limit(bad, join(at, "max_in_flight_bytes_per_worker"), m.MaxInFlightBytesPerWorker,
		defaultWorkerBytes, minWorkerBytes, maxBytes)
	timeout := limit(bad, join(at, "partial_request_timeout_ms"), m.PartialRequestTimeoutMs,
		defaultPartialTimeoutMs, minPartialTimeoutMs, maxPartialTimeoutMs)
	var idle int32
	if m.ConnectionsMaxIdleMs == nil || *m.ConnectionsMaxIdleMs != 0 {
		idle = limit(bad, join(at, "connections_max_idle_ms"), m.ConnectionsMaxIdleMs,
			defaultMaxIdleMs, minMaxIdleMs, math.MaxInt32)
	}
	identities := limit(bad, join(at, "max_identities_per_worker"), m.MaxIdentitiesPerWorker, defaultIdentities, 1, maxIdentities)
	identityIdle := limit(bad, join(at, "identities_max_idle_ms"), m.IdentitiesMaxIdleMs, defaultIdentityIdleMs, minIdentityIdleMs, maxIdentityIdleMs)
	c.Limits = Limits{
		MaxRequestBytes: int(request), MaxConnectionRequests: int(requests), MaxConnectionBytes: connection,
		MaxWorkerBytes: worker, PartialRequestTimeout: time.Duration(timeout) * time.Millisecond,
		ConnectionsMaxIdle: time.Duration(idle) * time.Millisecond,
	}
	c.Identities = IdentityLimits{Most: int(identities), MaxIdle: time.Duration(identityIdle) * time.Millisecond}
	if worker < int64(request) {
		bad.add(join(at, "max_in_flight_bytes_per_worker"),
			"%d is less than max_request_bytes, %d: such a request could not be served; raise this, or lower that", worker, request)
	}
	if m.MaxInFlightBytesPerConnection != nil && connection > worker {
		c.warn(join(at, "max_in_flight_bytes_per_connection"),
			"has no effect: max_in_flight_bytes_per_worker is reached before, at %d", worker)
	}
}

// limit is the number given, or else the default.
func limit[T int32 | int64](bad *mistakes, path string, given *T, otherwise, low, high T) T {
	switch {
	case given == nil:
		return otherwise
	case *given < low, *given > high:
		bad.add(path, "%d is not allowed; write a number from %d to %d, or remove it", *given, low, high)
		return otherwise
	default:
		return *given
	}
}
