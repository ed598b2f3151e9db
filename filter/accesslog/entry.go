package accesslog

import "time"

// What a line tells at most, whatever a client has sent.
const (
	// MaxTopics is how many topics are named. TopicCount says how many there were.
	MaxTopics = 5
	// MaxClusters is how many clusters are named.
	MaxClusters = 8
	// MaxErrors is how many different error codes are told.
	MaxErrors = 5
	// maxName is how many bytes are told of a name: as many as a topic's may have.
	maxName = 249
	// maxReason is how many bytes are told of a reason.
	maxReason = 512
)

// Outcome says in a word what a request came to.
type Outcome uint8

const (
	// OK is that it was answered, without an error.
	OK Outcome = iota
	// Failed is that it was answered with an error, of a cluster or because a cluster cannot be reached, for a part of it at least.
	Failed
	// Refused is that it was answered with an error of the mesh's own, for a part of it at least.
	Refused
	// Closed is that the connection was closed because of it.
	Closed
	// Unanswered is that the connection was gone, or being closed, before its answer was there.
	Unanswered
)

// outcomes are how a line names them.
//
//nolint:gochecknoglobals // a constant table
var outcomes = [...]string{OK: "ok", Failed: "failed", Refused: "refused", Closed: "closed", Unanswered: "unanswered"}

// String is how a line names it.
func (o Outcome) String() string {
	if int(o) >= len(outcomes) {
		return "unknown"
	}
	return outcomes[o]
}

// ErrorCount is how many parts of a request were answered with one error code, named as Kafka names it.
type ErrorCount struct {
	Code  string
	Count int
}

// Entry is what is told of one request. Empty fields are left out of the line.
type Entry struct {
	// Time is when all of the request had come.
	Time time.Time
	// Client is the client's address, and LocalHost and LocalPort the one that it dialled.
	Client    string
	LocalHost string
	LocalPort int32
	// ServerName is the SNI that the client sent.
	ServerName string
	// ClientID and Software are what the client says of itself.
	ClientID, Software string
	// Principal is who the client is, Decision whether authorization has allowed what it asked for, and Rule the rule that has decided that.
	// They are empty without a login and authorization, or if nothing was to be decided.
	Principal, Decision, Rule string
	// Mechanism is how the client has proved who it is; empty if it has not.
	Mechanism string

	// API is the API's name; empty for what was no request, and then Version and CorrelationID are left out too.
	API           string
	Version       int16
	CorrelationID int32
	// Acks is what a Produce asked for.
	Acks    int16
	Produce bool

	// Topics are the first of those that were asked for, and TopicCount how many there were.
	Topics     []string
	TopicCount int
	// Partitions is how many a Produce names, and Records and BatchBytes what its batches hold that were taken for clusters.
	Partitions          int
	Records, BatchBytes int64
	// RequestBytes and ResponseBytes are the lengths of both frames.
	RequestBytes, ResponseBytes int64
	// Clusters are those that had to do with it.
	Clusters []string

	Outcome Outcome
	// Errors are what was answered, and FailedPartitions how many of a Produce's partitions were answered with an error.
	Errors           []ErrorCount
	FailedPartitions int
	// Reason says more of the first error, in words.
	Reason string

	// Duration is the time from Time until the answer was given to the host, or it was known that there is none. Of it, Waiting passed
	// before the request was sent to clusters, and Upstream until they had answered. The rest was spent on the answer.
	Duration, Waiting, Upstream time.Duration
	// Throttled is for how long the client is not read from because of the request, by the quotas.
	Throttled time.Duration
}

// AppendJSON appends the line without its end.
func (e *Entry) AppendJSON(b []byte) []byte {
	l := line{b: append(b, '{')}
	l.time("time", e.Time)
	l.text("client", e.Client, maxName)
	l.address("local_address", e.LocalHost, e.LocalPort)
	l.text("server_name", e.ServerName, maxName)
	l.text("client_id", e.ClientID, maxName)
	l.text("software", e.Software, maxName)
	if e.API != "" {
		l.text("api", e.API, maxName)
		l.number("version", int64(e.Version))
		l.number("correlation_id", int64(e.CorrelationID))
	}
	l.text("principal", e.Principal, maxName)
	l.text("mechanism", e.Mechanism, maxName)
	l.text("decision", e.Decision, maxName)
	l.text("rule", e.Rule, maxName)
	if e.Produce {
		l.number("acks", int64(e.Acks))
	}
	l.texts("topics", e.Topics, MaxTopics)
	l.count("topic_count", int64(e.TopicCount))
	l.count("partitions", int64(e.Partitions))
	l.count("records", e.Records)
	l.count("batch_bytes", e.BatchBytes)
	l.count("request_bytes", e.RequestBytes)
	l.count("response_bytes", e.ResponseBytes)
	l.texts("clusters", e.Clusters, MaxClusters)
	l.text("outcome", e.Outcome.String(), maxName)
	l.errors("errors", e.Errors)
	l.count("failed_partitions", int64(e.FailedPartitions))
	l.text("reason", e.Reason, maxReason)
	all, waiting, upstream := e.Duration.Microseconds(), e.Waiting.Microseconds(), e.Upstream.Microseconds()
	l.number("duration_us", all)
	l.number("waiting_us", waiting)
	l.number("upstream_us", upstream)
	l.number("answering_us", max(0, all-waiting-upstream))
	l.count("throttled_us", e.Throttled.Microseconds())
	return append(l.b, '}')
}

// Failure says whether the request was not answered as asked for.
func (e *Entry) Failure() bool { return e.Outcome != OK }
