package upstream

import (
	"cmp"
	"context"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/dial"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/fetch"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/guard"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/link"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/produce"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/topology"
)

// Settings is what one upstream cluster is configured to be.
type Settings struct {
	Name             string
	BootstrapServers []string // host:port
	ClientID         string
	// ClientPrefix is what the client ids that a client's own links tell of begin with, as ClientID does.
	ClientPrefix string
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
	// ConnectionsPerBroker is how many connections there may be to each broker. There are more than one only while batches of a partition
	// would wait for long in the first one's queue for others of it. Zero: 8.
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
	// MaxFetchWait is the longest that a broker may wait for records, and MinFetchBytes how many bytes it waits for at least. Zero: as long,
	// and as many, as the client says.
	MaxFetchWait  time.Duration
	MinFetchBytes int32
	// MaxFetchBytes is the most that a broker may answer a Fetch with, and MaxPartitionFetchBytes the most of one partition. Zero: as the
	// client says.
	MaxFetchBytes, MaxPartitionFetchBytes int32
	// Dial is how brokers are reached.
	Dial dial.Settings
	// Troubles, if set, is told what goes wrong.
	Troubles Troubles
}

// Troubles is told what goes wrong with a cluster's brokers. Any goroutine calls it; it does not wait.
type Troubles interface {
	// Lost says that a connection to a broker has ended with batches on it or behind it, or could not be made for them.
	Lost(addr string, err error)
	// NotAsked says that no broker answers a question about topics.
	NotAsked(err error)
}

// untroubled is told in vain.
type untroubled struct{}

var _ Troubles = untroubled{}

// Lost does nothing.
func (untroubled) Lost(string, error) {}

// NotAsked does nothing.
func (untroubled) NotAsked(error) {}

// Addresses lists those that the bootstrap servers stand for.
func (s Settings) Addresses(ctx context.Context) (all []string) {
	for _, server := range s.BootstrapServers {
		all = append(all, s.Dial.Socket.Resolve(ctx, server)...)
	}
	return all
}

// withDefaults fills in what is zero.
func (s Settings) withDefaults() Settings {
	s.MaxResponseBytes = cmp.Or(s.MaxResponseBytes, maxResponseBytes)
	s.Window = cmp.Or(s.Window, window)
	s.MaxRequestBytes = cmp.Or(s.MaxRequestBytes, maxRequestBytes)
	s.AnswerTimeout = cmp.Or(s.AnswerTimeout, answerTimeout)
	s.ConnectionsPerBroker = cmp.Or(s.ConnectionsPerBroker, connectionsPerBroker)
	s.ReconnectBackoff = cmp.Or(s.ReconnectBackoff, minBackoff)
	if s.Troubles == nil {
		s.Troubles = untroubled{}
	}
	s.ReconnectBackoffMax = max(cmp.Or(s.ReconnectBackoffMax, maxBackoff), s.ReconnectBackoff)
	return s
}

// Client reaches the brokers of one cluster. Package saramaclient has the real one.
type Client interface {
	link.Dialer

	// Watch calls changed, from its own goroutine, whenever connections should be made anew because what they are made from,
	// such as a certificate, has been replaced. It returns when ctx ends, or at once if that cannot happen.
	Watch(ctx context.Context, changed func())
}

const (
	// connectionsPerBroker is the default of Settings.ConnectionsPerBroker.
	connectionsPerBroker = 8

	// window is the default of Settings.Window.
	window = 5

	// maxRequestBytes is the default of Settings.MaxRequestBytes.
	maxRequestBytes = 1 << 20

	// answerTimeout is the default of Settings.AnswerTimeout, and librdkafka's of socket.timeout.ms.
	answerTimeout = 60 * time.Second

	// lateFraction is the part of the request timeout that a broker may be silent for while a call is past its deadline.
	lateFraction = 4

	// The reconnect back-off, as librdkafka's reconnect.backoff.ms and reconnect.backoff.max.ms have it.
	minBackoff = 100 * time.Millisecond
	maxBackoff = 10 * time.Second

	// maxResponseBytes is the default of Settings.MaxResponseBytes.
	maxResponseBytes = 64 << 20
)

// link is what connections are told to be.
func (s Settings) link(panics guard.Panics) link.Settings {
	return link.Settings{ClientID: s.ClientID, MaxAnswer: s.MaxResponseBytes, Panics: panics}
}

// lateTimeout is how long a connection may owe an answer while another on it is past its time.
func (s Settings) lateTimeout() time.Duration {
	if s.MessageTimeout > 0 {
		return min(s.RequestTimeout, s.MessageTimeout) / lateFraction
	}
	return s.RequestTimeout / lateFraction
}

// produce is what the lanes are told to be.
func (s Settings) produce(own link.Settings) produce.Settings {
	own.AnswerTimeout, own.LateTimeout = s.AnswerTimeout, s.lateTimeout()
	return produce.Settings{
		Link: own, AcksOverride: s.AcksOverride, RequestTimeout: s.RequestTimeout, MessageTimeout: s.MessageTimeout,
		MaxMessageBytes: s.MaxMessageBytes, MaxRequestBytes: s.MaxRequestBytes,
		MetadataMaxAge: s.MetadataMaxAge, Window: s.Window, ConnectionsPerBroker: s.ConnectionsPerBroker, Linger: s.Linger,
		MaxIdle: s.MaxIdle, ReconnectBackoff: s.ReconnectBackoff, ReconnectBackoffMax: s.ReconnectBackoffMax, Lost: s.Troubles.Lost,
	}
}

// fetch is what clients' polls are told to be.
func (s Settings) fetch(panics guard.Panics, room *fetch.Room, st *stats.Fetch) fetch.Settings {
	return fetch.Settings{
		MaxAnswer: s.MaxResponseBytes, Timeout: s.RequestTimeout, Backoff: s.ReconnectBackoff, BackoffMax: s.ReconnectBackoffMax, Panics: panics,
		MaxWait: s.MaxFetchWait, MinBytes: s.MinFetchBytes, MaxBytes: s.MaxFetchBytes, MaxPartitionBytes: s.MaxPartitionFetchBytes,
		Room: room, Stats: st,
	}
}

// topology is what the asking is told to be.
func (s Settings) topology(panics guard.Panics, refreshed func()) topology.Settings {
	return topology.Settings{
		Cluster: s.Name, Link: s.link(panics), Bootstrap: s.Addresses, RefreshInterval: s.MetadataRefreshInterval, MaxAge: s.MetadataMaxAge,
		Backoff: s.ReconnectBackoff, BackoffMax: s.ReconnectBackoffMax, Refreshed: refreshed, Complain: s.Troubles.NotAsked,
	}
}
