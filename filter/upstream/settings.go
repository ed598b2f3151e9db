package upstream

import (
	"cmp"
	"context"
	"net"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/dial"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// Settings is what one upstream cluster is configured to be.
type Settings struct {
	Name             string
	BootstrapServers []string // host:port
	ClientID         string
	// AcksOverride, if set, replaces the acks of every client's request.
	AcksOverride *int16
	// RequestTimeout is how long a batch may wait for its answer, queue and flight together, when its client's own
	// timeout is neither longer nor more than 2 s (and twice Linger) shorter: then that counts, and those 2 s besides. Three quarters of it
	// may be spent in the queue, and no more than half of the client's timeout, or a second and Linger if that is longer.
	RequestTimeout time.Duration
	// MetadataRefreshInterval is how often what is known of the topics in use is asked for again. Zero: never.
	MetadataRefreshInterval time.Duration
	// MetadataMaxAge is how long a topic may be served from memory without having been asked for again.
	MetadataMaxAge time.Duration
	// MessageTimeout is the longest that a batch may wait for its answer, whatever its client's timeout is. Zero: no bound.
	MessageTimeout time.Duration
	// MaxMessageBytes is the largest batch that is sent on. Zero: the cluster's brokers decide.
	MaxMessageBytes int64
	// MaxResponseBytes is the longest answer that is read. Zero: 64 MiB.
	MaxResponseBytes int32
	// Window is the number of requests in flight on one connection. A broker works on one at a time; the others hide the
	// round trip. Zero: 5.
	Window int
	// ConnectionsPerBroker is how many connections there are to each broker. Zero: 1.
	ConnectionsPerBroker int
	// Linger is how long batches may wait for others, so that they leave in one request. Zero: not at all; but those that come
	// while the window is full leave together.
	Linger time.Duration
	// MaxRequestBytes is the most bytes of several clients' batches in one request. One client's are never divided. Zero: 1 MiB.
	MaxRequestBytes int64
	// AnswerTimeout is how long a connection may stay without an answer that is due. Zero: 60 s.
	AnswerTimeout time.Duration
	// MaxIdle is how long a connection may have nothing to do. Zero: as long as the broker keeps it.
	MaxIdle time.Duration
	// ReconnectBackoff is the pause after a connection has failed; it doubles up to ReconnectBackoffMax. Zero: 100 ms, 10 s.
	ReconnectBackoff, ReconnectBackoffMax time.Duration
	// NoAutoCreate keeps clients from having topics created.
	NoAutoCreate bool
	// Dial is how brokers are reached.
	Dial dial.Settings
}

// withDefaults fills in what is zero.
func (s Settings) withDefaults() Settings {
	s.MaxResponseBytes = cmp.Or(s.MaxResponseBytes, maxResponseBytes)
	s.Window = cmp.Or(s.Window, window)
	s.MaxRequestBytes = cmp.Or(s.MaxRequestBytes, maxRequestBytes)
	s.AnswerTimeout = cmp.Or(s.AnswerTimeout, answerTimeout)
	s.ConnectionsPerBroker = cmp.Or(s.ConnectionsPerBroker, 1)
	s.ReconnectBackoff = cmp.Or(s.ReconnectBackoff, minBackoff)
	s.ReconnectBackoffMax = max(cmp.Or(s.ReconnectBackoffMax, maxBackoff), s.ReconnectBackoff)
	return s
}

// Client reaches the brokers of one cluster. Package saramaclient has the real one.
type Client interface {
	// Dial connects to the broker at addr, negotiates versions and authenticates. The connection is the caller's.
	Dial(ctx context.Context, addr string) (Link, error)
	// Metadata asks one broker, whichever answers, about topics; nil topics means all. With create, the broker may create
	// those that are missing. Calls never overlap.
	Metadata(ctx context.Context, topics []string, create bool) (Metadata, error)
	// Watch calls changed, from its own goroutine, whenever connections should be made anew because what they are made from,
	// such as a certificate, has been replaced. It returns when ctx ends, or at once if that cannot happen.
	Watch(ctx context.Context, changed func())
	// Close ends what Metadata keeps open.
	Close()
}

// Link is an authenticated connection to one broker, taken over from whoever dialled it.
type Link struct {
	// Conn is for reading and writing. Without TLS it is the socket itself, so that several slices are written by one writev.
	Conn net.Conn
	// Close closes Conn and lets go of what else belongs to it. It may be called once, from any goroutine, and does not
	// wait.
	Close func()
	// ProduceVersion is the highest version of Produce that this broker takes and we write, 3 to 12.
	ProduceVersion int16
	// Until is when the connection has to be replaced by another. Zero: never.
	Until time.Time
}

// Metadata is one answer of a cluster.
type Metadata struct {
	Brokers map[int32]string // node id → host:port
	Topics  []wire.Topic     // in any order
}

const (
	minProduceVersion = 3
	// MaxProduceVersion is the newest Produce that names topics by name (13 names them by id).
	MaxProduceVersion = 12

	// window is the default of Settings.Window.
	window = 5

	// maxRequestBytes is the default of Settings.MaxRequestBytes.
	maxRequestBytes = 1 << 20

	// answerTimeout is the default of Settings.AnswerTimeout, and librdkafka's of socket.timeout.ms.
	answerTimeout = 60 * time.Second
	// maxFences bounds what is remembered of refused batches, over all clients of a worker and cluster.
	maxFences = 1 << 17
	// grace is how much longer than its client a request with a short timeout is waited for: a broker gives up by itself what its
	// replicas do not confirm in the client's time, and says so.
	grace = 2 * time.Second
	// minQueueing is how long a batch may be queued, besides lingering, however short its client's timeout is.
	minQueueing = time.Second
	// maxTimeout is the longest timeout of a client that is listened to. The longest that a default client tries is as long.
	maxTimeout = 5 * time.Minute

	// The reconnect back-off, as librdkafka's reconnect.backoff.ms and reconnect.backoff.max.ms have it.
	minBackoff = 100 * time.Millisecond
	maxBackoff = 10 * time.Second

	// maxNames is how many topics are asked for in one request of several clients, so that it fits into what a broker takes.
	maxNames = 10_000
	// metadataTimeout bounds one round of metadata requests, over all brokers that are tried.
	metadataTimeout = 30 * time.Second
	// patience is how long clients wait for the answer to a metadata request before they are answered from memory.
	patience = 2 * time.Second
	// metadataFresh is the age up to which what is known of a topic answers a client's request for metadata. Clients that ask
	// at the same moment share one request to the cluster; one that asks later sees what has changed.
	metadataFresh = 5 * time.Second
	// sweepInterval is how often a lane with work looks for requests that are past their time.
	sweepInterval = 500 * time.Millisecond

	// complaintInterval is how often the same trouble is logged.
	complaintInterval = time.Minute

	// maxResponseBytes bounds what a broker may make us allocate for one Produce response.
	maxResponseBytes = 64 << 20
)
