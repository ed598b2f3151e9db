package config

import (
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/authorizer"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/dial"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/quota"
)

// DefaultPort is the port of a bootstrap server that is written without one, as in librdkafka.
const DefaultPort = 9092

// Config is one filter's configuration, checked. It is made by Parse or New and never changes, so any goroutine may read
// it; nobody may write to it.
type Config struct {
	// AdvertisedHost and AdvertisedPort are what clients are told to connect to. Either both are set, or neither: then
	// each connection is told the address that it dialled. An IPv6 address has no brackets.
	AdvertisedHost string
	AdvertisedPort int32
	// Clusters holds at least one cluster, in the order written. No two have the same name.
	Clusters []Cluster
	// Rules holds at least one rule, in the order written: the first that matches wins. Each names one of Clusters, and
	// none is hidden by an earlier one.
	Rules []Rule
	// GroupRules say which cluster is the home of a group, in the order written: the first that matches wins. Each names one of Clusters,
	// and none is hidden by an earlier one.
	GroupRules []GroupRule
	// DefaultGroupCluster is the Name of the cluster that is the home of all other groups.
	DefaultGroupCluster string
	// Limits bounds what clients may cost, and Identities what their identities may.
	Limits     Limits
	Identities IdentityLimits
	// UnmatchedTopic is what clients are told of a topic that no rule matches.
	UnmatchedTopic UnmatchedTopic
	// TopicAccess is what clients may do with topics beside writing and reading.
	TopicAccess Access
	// GroupAccess is what clients may do with groups beside being in them: AccessRead to see them, AccessAll to delete them and their offsets.
	GroupAccess Access
	// Logins says how clients log in. Nil: they do not.
	Logins *Logins
	// NamedBy is which name in their certificates clients are called. Not with Logins.
	NamedBy NamedBy
	// ListenTLS is how the plain binary speaks TLS with clients. Nil: it does not. Envoy must not take it (ForEnvoy).
	ListenTLS *ListenTLS
	// Authorization says which principal may do what, in the order written: the first that matches decides. No two have the same name, and
	// none is hidden by earlier ones. Nil: everybody may do everything.
	Authorization []authorizer.Rule
	// Quotas say how much principals may do in a second, in the order written: the first that matches counts. No two have the same name, and
	// none is hidden by earlier ones. Nil: as much as they can.
	Quotas []quota.Rule
	// VerifyUpstreams has every cluster connected to before the configuration is taken.
	VerifyUpstreams bool
	// Admin is the HTTP listener for those who run the mesh. Nil: not given, and each host has a default of its own.
	Admin *Admin
	// AccessLog says which requests are written down. Nil: none.
	AccessLog *AccessLog
	// TopicMetrics are the topics that have metrics of their own: names of topics, none twice, in the order written.
	TopicMetrics []string
	// OpenTelemetry is where metrics are sent. Nil: nowhere.
	OpenTelemetry *OpenTelemetry
	// Warnings says what was accepted without effect, or is likely a mistake. Hosts log them.
	Warnings []*Remark
	// EnvoyWarnings are those of a host that is Envoy, beside Warnings: what has an effect in the plain binary alone.
	EnvoyWarnings []*Remark
}

// Cluster is one Kafka cluster that records can be sent to.
type Cluster struct {
	// Name is what rules, logs and statistics call the cluster.
	Name string
	// BootstrapServers holds at least one host:port, IPv6 in brackets, none twice.
	BootstrapServers []string
	// PartitionCount caps the partitions of a topic that clients are told of. 0: the topic's real number.
	PartitionCount int32
	// OffsetRetention is how long the cluster keeps offsets of groups whose home is another. 0: a year.
	OffsetRetention time.Duration
	// Acks, if set, replaces the acks of the clients' requests.
	Acks Acks
	// ClientID is the client id sent to the cluster.
	ClientID string
	// Linger is how long batches may wait for others to share a request with. 0: not at all.
	Linger time.Duration
	// MaxRequestBytes is the most bytes of batches that share a request. 0: the default.
	MaxRequestBytes int64
	// RequestTimeout is how long a batch may wait for the cluster's answer, in queues and on the way together, when its
	// client's own timeout is not longer. Never 0.
	RequestTimeout time.Duration
	// MetadataMaxAge is the age at which what is known about a topic is no longer believed. Never 0.
	MetadataMaxAge time.Duration
	// MetadataRefreshInterval is the time between two requests for metadata that nothing but time causes. 0: there are
	// none.
	MetadataRefreshInterval time.Duration
	// MessageTimeout is the longest that a batch may wait, whatever its client's timeout. 0: no bound.
	MessageTimeout time.Duration
	// MaxMessageBytes is the largest batch that is sent to the cluster. 0: the brokers decide.
	MaxMessageBytes int64
	// MaxResponseBytes is the longest answer of a broker that is read. 0: the default.
	MaxResponseBytes int32
	// MaxInFlight is the number of requests in flight on one connection. 0: the default.
	MaxInFlight int32
	// AnswerTimeout is how long a broker may let a connection wait for an answer. 0: as long as a batch may wait.
	AnswerTimeout time.Duration
	// MaxIdle is how long a connection may have nothing to do. 0: as long as the broker keeps it.
	MaxIdle time.Duration
	// ReconnectBackoff and ReconnectBackoffMax are the first and the longest pause after a connection has failed. 0: the default.
	ReconnectBackoff, ReconnectBackoffMax time.Duration
	// ConnectionsPerBroker is how many connections a worker has to each broker. 0: the default.
	ConnectionsPerBroker int32
	// NoAutoCreate keeps clients from having topics created.
	NoAutoCreate bool
	// Fetches bounds what fetches ask of the cluster.
	Fetches Fetches
	// Dial is how brokers are reached, and how to log in to them.
	Dial dial.Settings
	// Identity is who the cluster sees clients as, and CredentialsFile which users those are, if it is MappedIdentity.
	Identity        Identity
	CredentialsFile string
}

// Rule sends the topics that begin with Prefix to one cluster.
type Rule struct {
	// Prefix is the beginning of the topic's name, compared byte by byte. Empty: every topic.
	Prefix string
	// Cluster is the Name of one of the configuration's clusters.
	Cluster string
	// Operations are what the rule is for, as far as earlier rules leave it that.
	Operations Operations
}

// UnmatchedTopic is an error code of Kafka's.
type UnmatchedTopic uint8

// What can be said of a topic that no rule matches.
const (
	// NotAuthorized is TOPIC_AUTHORIZATION_FAILED.
	NotAuthorized UnmatchedTopic = iota
	// UnknownTopic is UNKNOWN_TOPIC_OR_PARTITION.
	UnknownTopic
	// InvalidTopic is INVALID_TOPIC_EXCEPTION.
	InvalidTopic
)

// Acks says whether, and with what, a cluster's configuration replaces the acks of a client's produce request. The zero
// value does not.
type Acks uint8

// What producer_config can say about acks.
const (
	// AcksClient keeps what the client asked for: acks is not configured.
	AcksClient Acks = iota
	// AcksNone replaces it by 0: no answer is awaited. (What goes upstream for 0, whoever asked for it, is the upstream
	// side's decision: see docs/configuration.md.)
	AcksNone
	// AcksLeader replaces it by 1: the partition's leader has written the batch.
	AcksLeader
	// AcksAll replaces it by −1: all replicas in sync have written the batch.
	AcksAll
)

// Override returns the acks that a request counts with when its client asked for client: the configured number, or
// client itself when none is configured.
func (a Acks) Override(client int16) int16 {
	switch a {
	case AcksNone:
		return 0
	case AcksLeader:
		return 1
	case AcksAll:
		return -1
	default:
		return client
	}
}
