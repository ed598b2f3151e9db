package status

import "time"

// Status is what is told of a process.
type Status struct {
	// Time is when it was gathered.
	Time    time.Time `json:"time"`
	Process Process   `json:"process"`
	Ready   bool      `json:"ready"`
	// Problems say in words what is wrong, the worst first.
	Problems []Problem `json:"problems"`
	Meshes   []Mesh    `json:"meshes"`
}

// Process is what runs.
type Process struct {
	Version string `json:"version"`
	Commit  string `json:"commit"`
	Go      string `json:"go"`
	// Host is what runs the engine: kafkamesh serve, Envoy, Envoy contrib.
	Host    string    `json:"host"`
	Started time.Time `json:"started"`
}

// Severity says how bad a problem is.
type Severity string

// The severities, the worst first.
const (
	// Critical is what fails records now.
	Critical Severity = "critical"
	// Warning is what will, or may.
	Warning Severity = "warning"
	// Notice is what somebody may want to know.
	Notice Severity = "notice"
)

// Problem is something that is wrong.
type Problem struct {
	Severity Severity `json:"severity"`
	Mesh     string   `json:"mesh,omitempty"`
	Cluster  string   `json:"cluster,omitempty"`
	// Text is what is wrong, and Detail why, or what to do.
	Text   string    `json:"text"`
	Detail string    `json:"detail,omitempty"`
	Since  time.Time `json:"since,omitzero"`
}

// Mesh is one configuration at work.
type Mesh struct {
	// Name tells it from others of the process: the filter's name in Envoy.
	Name string `json:"name,omitempty"`
	// Listener is the address that clients connect to, as far as the host knows it.
	Listener string `json:"listener,omitempty"`
	// Advertised is the address that clients are told; empty: the one they dialled.
	Advertised string `json:"advertised,omitempty"`
	// Since is when the configuration was taken.
	Since time.Time `json:"since"`
	// Draining says that no more clients are taken.
	Draining bool `json:"draining,omitempty"`
	// Readiness is the policy: all or any.
	Readiness Readiness `json:"readiness"`
	// Warnings are the configuration's.
	Warnings []string `json:"warnings,omitempty"`

	Clients Clients `json:"clients"`
	// Traffic is that of all clients. Its latency is as clients saw it.
	Traffic Traffic `json:"traffic"`
	// Requests are those of each API, by its name in lower case.
	Requests map[string]int64 `json:"requests,omitempty"`
	// Panics counts the bugs that were met and stopped.
	Panics int64 `json:"panics_recovered"`

	Clusters []Cluster `json:"clusters"`
	Rules    []Rule    `json:"rules"`
	// GroupRules say which cluster is the home of a group; those that none matches live on GroupHome.
	GroupRules []GroupRule `json:"group_rules"`
	GroupHome  string      `json:"default_group_cluster"`
}

// Readiness says when a mesh is ready.
type Readiness string

// The policies of readiness.
const (
	// ReadinessAll is ready when every cluster can be reached.
	ReadinessAll Readiness = "all"
	// ReadinessAny is ready when one can.
	ReadinessAny Readiness = "any"
)

// State is what is known of a cluster.
type State string

// The states of a cluster.
const (
	// Unknown: nobody has tried yet.
	Unknown State = "unknown"
	// Reachable: the last try, whoever's it was, has reached a broker and logged in.
	Reachable State = "reachable"
	// Unreachable: the last tries have failed.
	Unreachable State = "unreachable"
)

// Cluster is an upstream cluster.
type Cluster struct {
	Name             string   `json:"name"`
	BootstrapServers []string `json:"bootstrap_servers"`
	// Security is how brokers are reached and what we log in with: PLAINTEXT, SASL_SSL SCRAM-SHA-512. No secret is in it.
	Security string `json:"security,omitempty"`
	// Identity is who the cluster sees clients as, client_id or mapped; empty: all as the mesh. Identities is how many that are now, over all
	// workers.
	Identity   string `json:"identity,omitempty"`
	Identities int    `json:"identities,omitempty"`
	State      State  `json:"state"`
	// Since is when the state began.
	Since time.Time `json:"since,omitzero"`
	// LastError is what went wrong last, and LastErrorAt when. It stays when the cluster can be reached again.
	LastError   string    `json:"last_error,omitempty"`
	LastErrorAt time.Time `json:"last_error_at,omitzero"`
	// MetadataAt is when the cluster last told of its brokers and topics.
	MetadataAt time.Time `json:"metadata_at,omitzero"`
	// CertificateExpiry is when the first certificate ends of those that the cluster or we show. Zero: there is none.
	CertificateExpiry time.Time `json:"certificate_expiry,omitzero"`

	Brokers []Broker `json:"brokers"`
	// Topics in use, their partitions, and how many of these have no leader.
	Topics     int `json:"topics"`
	Partitions int `json:"partitions"`
	Leaderless int `json:"leaderless_partitions"`

	Traffic Traffic `json:"traffic"`
	// Errors counts what batches were answered with, by Kafka's names in lower case.
	Errors map[string]int64 `json:"errors,omitempty"`
}

// Link is how well a broker is connected.
type Link string

// The states of a broker's connections.
const (
	// Resting: nobody needs a connection.
	Resting Link = "resting"
	// Connecting: the first one is being made.
	Connecting Link = "connecting"
	// Connected: there is one.
	Connected Link = "connected"
	// Down: the last one failed, and the next is tried when the pause is over.
	Down Link = "down"
)

// Broker is a broker of a cluster.
type Broker struct {
	Node    int32  `json:"node"`
	Address string `json:"address"`
	Link    Link   `json:"link"`
	// Leads is how many partitions of topics in use it leads.
	Leads int `json:"leads"`
	// Connections are those for batches, of all workers together.
	Connections int `json:"connections"`
	// InFlight are requests that were sent and are not answered; Queued are the shares of clients' requests that wait to be sent, QueuedBytes their length.
	InFlight    int   `json:"in_flight_requests"`
	Queued      int   `json:"queued_shares"`
	QueuedBytes int64 `json:"queued_bytes"`
	// Lost is since when it cannot be reached though the cluster can, and LastError why.
	Lost      time.Time `json:"lost_since,omitzero"`
	LastError string    `json:"last_error,omitempty"`
}

// Rule is a forwarding rule.
type Rule struct {
	// Prefix is empty for a catch-all.
	Prefix  string `json:"topic_prefix"`
	Cluster string `json:"target_cluster"`
	// Operations are what it is for.
	Operations Operations `json:"operations"`
	Traffic    Traffic    `json:"traffic"`
}

// Operations are what a rule is for.
type Operations string

// What rules are for.
const (
	ReadsAndWrites Operations = "reads and writes"
	Reads          Operations = "reads"
	Writes         Operations = "writes"
)

// GroupRule makes a cluster the home of groups.
type GroupRule struct {
	// Prefix is empty for all groups.
	Prefix  string `json:"group_prefix"`
	Cluster string `json:"target_cluster"`
}

// Traffic is what has passed since the start, and how fast in the last minute.
type Traffic struct {
	Batches int64 `json:"batches"`
	Bytes   int64 `json:"bytes"`
	Records int64 `json:"records"`
	Failed  int64 `json:"failed_batches"`
	// ReadBytes are those of records that clients were given.
	ReadBytes int64 `json:"read_bytes"`

	BatchesPerSecond float64 `json:"batches_per_second"`
	BytesPerSecond   float64 `json:"bytes_per_second"`
	RecordsPerSecond float64 `json:"records_per_second"`
	FailedPerSecond  float64 `json:"failed_batches_per_second"`
	ReadPerSecond    float64 `json:"read_bytes_per_second"`
	// P50 and P99 are the milliseconds in which half, and 99 of 100, were answered. Zero: nothing was.
	P50 float64 `json:"p50_ms"`
	P99 float64 `json:"p99_ms"`
}
