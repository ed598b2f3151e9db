package produce

import (
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/link"
)

// Settings is what a pool is told to be. All but AcksOverride, MessageTimeout, MaxMessageBytes, Linger and MaxIdle have to be set.
type Settings struct {
	// Link is what its connections are told to be.
	Link link.Settings
	// AcksOverride, if set, replaces the acks of every client's request.
	AcksOverride *int16
	// RequestTimeout and MessageTimeout bound how long a batch waits; see the settings of the cluster.
	RequestTimeout, MessageTimeout time.Duration
	// MaxMessageBytes is the largest batch that is sent on. Zero: the brokers decide.
	MaxMessageBytes int64
	// MaxRequestBytes is the most bytes of several clients' batches in one request.
	MaxRequestBytes int64
	// MetadataMaxAge is how long a topic is served without having been asked for again.
	MetadataMaxAge time.Duration
	// Window is the number of requests in flight on one connection.
	Window int
	// ConnectionsPerBroker is how many connections there may be to each broker.
	ConnectionsPerBroker int
	// Linger is how long batches may wait for others.
	Linger time.Duration
	// MaxIdle is how long a connection may have nothing to do. Zero: as long as the broker keeps it.
	MaxIdle time.Duration
	// ReconnectBackoff is the pause after a connection has failed; it doubles up to ReconnectBackoffMax.
	ReconnectBackoff, ReconnectBackoffMax time.Duration
	// Lost is told of each connection to a broker that has ended with batches on it or behind it, or could not be made for them.
	Lost func(addr string, err error)
}

const (
	// maxFences bounds what is remembered of refused batches, over all clients of a pool.
	maxFences = 1 << 17
	// grace is how much longer than its client a request with a short timeout is waited for: a broker gives up by itself what its
	// replicas do not confirm in the client's time, and says so.
	grace = 2 * time.Second
	// minQueueing is how long a batch may be queued, besides lingering, however short its client's timeout is.
	minQueueing = time.Second
	// maxTimeout is the longest timeout of a client that is listened to. The longest that a default client tries is as long.
	maxTimeout = 5 * time.Minute
	// sweepInterval is how often a lane with a queue looks for batches that are past their time.
	sweepInterval = 500 * time.Millisecond
)

// patience is how long the batches of a request may wait for their answers, its client's timeout given: somewhat longer than that, so
// that a broker's own answer for what took too long still comes, and never less than the client's timeout.
func (s *Settings) patience(timeoutMillis int32) time.Duration {
	own := min(time.Duration(timeoutMillis)*time.Millisecond, maxTimeout)
	d := max(own, min(own+grace+2*s.Linger, s.RequestTimeout))
	if s.MessageTimeout > 0 {
		d = min(d, s.MessageTimeout)
	}
	return d
}

// longestQueueing is how long a batch may be queued: so long that its client still waits when it is answered, and that what is left of
// patience is enough for the broker. What is sent later is in vain: its client has hung up, and sends it again.
func (s *Settings) longestQueueing(patience time.Duration, timeoutMillis int32) time.Duration {
	own := max(time.Duration(timeoutMillis)*time.Millisecond/2, s.Linger+minQueueing)
	return min(patience/4*3, own)
}
