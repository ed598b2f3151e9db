package stats

import (
	"slices"
	"strings"
	"unicode"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// The labels of families, as the stats_tags of docs/operations.md have Envoy give them.
const (
	LabelCluster    = "kafka_cluster"
	LabelRule       = "kafka_rule"
	LabelTopic      = "kafka_topic"
	LabelAPI        = "kafka_api"
	LabelVersion    = "kafka_version"
	LabelError      = "kafka_error"
	LabelSoftware   = "kafka_software"
	LabelReason     = "kafka_reason"
	LabelClientKind = "kafka_client_kind"
	LabelMechanism  = "kafka_mechanism"
	LabelFailure    = "kafka_login_failure"
	LabelDenying    = "kafka_authorization_rule"
	LabelQuota      = "kafka_quota_rule"
	LabelTLSFailure = "kafka_tls_failure"
	LabelMeshBuild  = "kafkamesh_version"
)

// otherErrors counts the batches answered with a code that has no metric of its own.
const otherErrors = "other"

// ClusterMetrics is the name of a cluster in metrics, in which ':' and some dots are '_'. So several clusters may have the same, which a
// configuration is refused for.
func ClusterMetrics(cluster string) string {
	name := levels(strings.ReplaceAll(cluster, ":", "_"))
	if before, ok := strings.CutSuffix(name, ".errors"); ok { // else its metrics would look like the errors of another
		return before + "_errors"
	}
	return name
}

// RuleMetrics is the name of a forwarding rule in metrics: its prefix with '*' behind it, which no topic has in its name.
func RuleMetrics(prefix string) string { return levels(prefix + "*") }

// TopicMetrics is the name of a topic in metrics, in which some dots are '_'.
func TopicMetrics(topic string) string { return levels(topic) }

// levels replaces the dots in a name that have nothing before or behind them by '_'. Envoy drops them, and would take "orders." for "orders".
// It has no ':' in names either.
func levels(name string) string {
	b := []byte(name)
	for i, c := range b {
		if c == '.' && (i == 0 || i == len(b)-1 || b[i-1] == '.') {
			b[i] = '_'
		}
	}
	return string(b)
}

func clusterScope(name string) scope { return scoped("cluster", ClusterMetrics(name), LabelCluster) }
func ruleScope(prefix string) scope  { return scoped("rule", RuleMetrics(prefix), LabelRule) }
func topicScope(name string) scope   { return scoped("topic", TopicMetrics(name), LabelTopic) }

// countedCodes are the error codes that are counted apart: what producers are told in practice.
func countedCodes() []wire.ErrorCode {
	return []wire.ErrorCode{
		wire.UnknownServerError, wire.CorruptMessage, wire.UnknownTopicOrPartition, wire.LeaderNotAvailable, wire.NotLeaderOrFollower,
		wire.RequestTimedOut, wire.MessageTooLarge, wire.NotEnoughReplicas, wire.NotEnoughReplicasAfterAppend,
		wire.TopicAuthorizationFailed, wire.ClusterAuthorizationFailed, wire.InvalidTimestamp, wire.PolicyViolation,
		wire.OutOfOrderSequenceNumber, wire.InvalidProducerEpoch, wire.UnknownProducerID, wire.KafkaStorageError, wire.InvalidRecord,
	}
}

// errorName is Kafka's name of a code in lower case.
func errorName(code wire.ErrorCode) string { return strings.ToLower(code.String()) }

func errorMetric(cluster, code string) Metric {
	m := clusterScope(cluster).metric(Metric{
		Name: "errors", Unit: "batches", Help: "Batches answered with an error, whether they were sent or not, by its code.", Rare: true,
	})
	return with(m, code, LabelError, code)
}

// with adds one more level to the name of m, and what it says as a label.
func with(m Metric, level, label, value string) Metric {
	if m.Family == "" {
		m.Family = m.Name
	}
	m.Name += "." + level
	m.Labels = append(slices.Clip(m.Labels), Label{label, value})
	return m
}

func refusedMetric(kind wire.Kind) Metric {
	return with(Metric{Name: "refused", Unit: "requests", Help: "Requests refused because such clients are not served, by kind of client."}, kind.String(), LabelClientKind, kind.String())
}

// denialMetric counts what a rule of authorization has denied.
func denialMetric(rule string) Metric {
	m := Metric{
		Name: "denied", Unit: "denials", Rare: true,
		Help: "What clients asked for and a rule of `authorization` denied, or none allowed: one for each topic, group or other thing of a request.",
	}
	return with(m, rule, LabelDenying, rule)
}

// buildMetric is the metric that has a version in its name: Envoy's have no labels. What is not usual in a name becomes '_'.
func buildMetric(version string) Metric {
	name := strings.Trim(strings.Map(func(r rune) rune {
		if r == '.' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' {
			return r
		}
		return '_'
	}, strings.ToLower(version)), ".")
	m := Metric{Name: "build_info", Kind: Gauge, Unit: "configurations", Help: "Configurations at work in a build of this version."}
	return with(m, name, LabelMeshBuild, name)
}

// snake is an API's name as metrics have it: InitProducerId becomes init_producer_id.
func snake(api string) string {
	var b []byte
	for i, r := range api {
		if unicode.IsUpper(r) && i > 0 {
			b = append(b, '_')
		}
		b = append(b, string(unicode.ToLower(r))...)
	}
	return string(b)
}

// violationMetric counts what a client did whose connection was closed for a reason.
func violationMetric(r wire.Reason) Metric {
	m := Metric{Name: "violations", Unit: "connections", Help: "Connections closed for what the client did or asked for, by reason.", Rare: true}
	return with(m, r.String(), LabelReason, r.String())
}

// ReasonHelp says what the client did, or what happened to it, whose connection was closed for a reason.
func ReasonHelp(r wire.Reason) string {
	switch r {
	case wire.ReasonOversizedFrame:
		return "A frame longer than the limit."
	case wire.ReasonNegativeLength:
		return "A frame of negative length."
	case wire.ReasonTLSHandshake:
		return "The client speaks TLS, the listener does not."
	case wire.ReasonHTTPRequest:
		return "The client speaks HTTP."
	case wire.ReasonMalformedHeader:
		return "A request header that does not parse."
	case wire.ReasonUnknownAPI:
		return "A request to an API that is not served."
	case wire.ReasonUnsupportedVersion:
		return "A version that is not served of an API that is."
	case wire.ReasonMalformedBody:
		return "A request body that does not parse."
	case wire.ReasonTooManyPartitions:
		return "A request that names more partitions than the limit."
	case wire.ReasonRequestTooLarge:
		return "A request that would take more memory than the limit."
	case wire.ReasonSlowRequest:
		return "A request that began to arrive and did not go on."
	case wire.ReasonMemoryLimit:
		return "Requests held too much memory."
	case wire.ReasonProduceFailed:
		return "A Produce with acks=0 failed, which has no other answer."
	case wire.ReasonIdentityReplaced:
		return "A cluster is to see the client as somebody else than when it began: it connects again."
	case wire.ReasonPanic:
		return "A bug met while serving the connection; please report."
	default:
		return loginHelp(r)
	}
}

// loginHelp is ReasonHelp for the reasons that have to do with logins.
func loginHelp(r wire.Reason) string {
	switch r {
	case wire.ReasonLoginRequired:
		return "A request before a login, where clients have to log in."
	case wire.ReasonLoginOrder:
		return "The steps of a login in another order."
	case wire.ReasonLoginFailed:
		return "A login that failed."
	case wire.ReasonLoginExpired:
		return "A request after the login had expired: the client did not log in anew in time."
	case wire.ReasonLoginTimeout:
		return "No login came in time."
	default:
		return ""
	}
}
