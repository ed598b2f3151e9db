package upstream

import (
	"context"
	"net"
	"time"

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
	// timeout is not longer.
	RequestTimeout time.Duration
	// MetadataRefreshInterval is how often what is known of the topics in use is asked for again. Zero: never.
	MetadataRefreshInterval time.Duration
	// MetadataMaxAge is how long a topic may be served from memory without having been asked for again.
	MetadataMaxAge time.Duration
}

// Client reaches the brokers of one cluster. Package saramaclient has the real one.
type Client interface {
	// Dial connects to the broker at addr, negotiates versions and authenticates. The connection is the caller's.
	Dial(ctx context.Context, addr string) (Link, error)
	// Metadata asks one broker, whichever answers, about topics; nil topics means all. With create, the broker may create
	// those that are missing. Calls never overlap.
	Metadata(ctx context.Context, topics []string, create bool) (Metadata, error)
	// Close ends what Metadata keeps open.
	Close()
}

// Link is an authenticated connection to one broker, taken over from whoever dialled it.
type Link struct {
	// Conn is for reading and writing. It is the socket itself, so that several slices are written by one writev.
	Conn net.Conn
	// Close closes Conn and lets go of what else belongs to it. It may be called once, from any goroutine, and does not
	// wait.
	Close func()
	// ProduceVersion is the highest version of Produce that this broker takes and we write, 3 to 12.
	ProduceVersion int16
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

	// window is the number of requests in flight on one connection. A broker works on one at a time; the others hide
	// the round trip.
	window = 5

	// The reconnect back-off, as librdkafka's reconnect.backoff.ms and reconnect.backoff.max.ms have it.
	minBackoff = 100 * time.Millisecond
	maxBackoff = 10 * time.Second

	// dialTimeout bounds connecting, negotiating and authenticating together.
	dialTimeout = 30 * time.Second
	// metadataTimeout bounds one round of metadata requests, over all brokers that are tried.
	metadataTimeout = 30 * time.Second
	// patience is how long clients wait for the answer to a metadata request before they are answered from memory.
	patience = 2 * time.Second
	// metadataFresh is the age up to which what is known of a topic answers a client's request for metadata. Clients that ask
	// at the same moment share one request to the cluster; one that asks later sees what has changed.
	metadataFresh = 5 * time.Second
	// sweepInterval is how often a lane with work looks for requests that are past their time.
	sweepInterval = 500 * time.Millisecond

	// maxResponseBytes bounds what a broker may make us allocate for one Produce response.
	maxResponseBytes = 64 << 20
)
