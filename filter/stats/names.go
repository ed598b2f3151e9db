package stats

import (
	"strings"
	"unicode"
)

const (
	requestPrefix   = "requests."
	violationPrefix = "violations."
	errorPrefix     = "errors."
	otherErrors     = "other"
)

// clusterPrefix stands before each metric of a cluster. Envoy keeps ':' out of its stat names in the same way.
func clusterPrefix(cluster string) string {
	return "cluster." + strings.ReplaceAll(cluster, ":", "_") + "."
}

// apis are those that the broker serves, as Kafka names them.
func apis() []string {
	return []string{"Produce", "Fetch", "Metadata", "FindCoordinator", "ApiVersions", "InitProducerId"}
}

// snake turns InitProducerId into init_producer_id.
func snake(name string) string {
	var b strings.Builder
	for i, r := range name {
		if unicode.IsUpper(r) && i > 0 {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

type violation struct{ reason, help string }

// violations are the reasons for which a session closes its connection.
func violations() []violation {
	return []violation{
		{"oversized_frame", "Closed: a frame longer than the limit."},
		{"negative_length", "Closed: a frame of negative length."},
		{"tls_handshake", "Closed: the client speaks TLS, the listener does not."},
		{"http_request", "Closed: the client speaks HTTP."},
		{"malformed_header", "Closed: a request header that does not parse."},
		{"unknown_api", "Closed: a request to an API that is not served."},
		{"unsupported_version", "Closed: a version that is not served of an API that is."},
		{"malformed_body", "Closed: a request body that does not parse."},
		{"too_many_partitions", "Closed: a request that names more partitions than the limit."},
		{"request_too_large", "Closed: a request that would take more memory than the limit."},
		{"slow_request", "Closed: a request that began to arrive and did not go on."},
		{"memory_limit", "Closed: requests held too much memory."},
		{"produce_failed", "Closed: a Produce with acks=0 failed, which has no other answer."},
		{"panic", "Closed: a bug met while serving the connection; please report."},
	}
}

// errorCodes are those that a broker, or the mesh in its place, answers a Produce with: Kafka's names in lower case.
func errorCodes() map[int16]string {
	return map[int16]string{
		-1:  "unknown_server_error",
		2:   "corrupt_message",
		3:   "unknown_topic_or_partition",
		5:   "leader_not_available",
		6:   "not_leader_or_follower",
		7:   "request_timed_out",
		9:   "replica_not_available",
		10:  "message_too_large",
		13:  "network_exception",
		14:  "coordinator_load_in_progress",
		15:  "coordinator_not_available",
		16:  "not_coordinator",
		17:  "invalid_topic_exception",
		18:  "record_list_too_large",
		19:  "not_enough_replicas",
		20:  "not_enough_replicas_after_append",
		21:  "invalid_required_acks",
		29:  "topic_authorization_failed",
		31:  "cluster_authorization_failed",
		32:  "invalid_timestamp",
		35:  "unsupported_version",
		42:  "invalid_request",
		43:  "unsupported_for_message_format",
		44:  "policy_violation",
		45:  "out_of_order_sequence_number",
		46:  "duplicate_sequence_number",
		47:  "invalid_producer_epoch",
		48:  "invalid_txn_state",
		49:  "invalid_producer_id_mapping",
		51:  "concurrent_transactions",
		53:  "transactional_id_authorization_failed",
		56:  "kafka_storage_error",
		59:  "unknown_producer_id",
		74:  "fenced_leader_epoch",
		75:  "unknown_leader_epoch",
		76:  "unsupported_compression_type",
		87:  "invalid_record",
		89:  "throttling_quota_exceeded",
		90:  "producer_fenced",
		100: "unknown_topic_id",
		103: "inconsistent_topic_id",
		120: "transaction_abortable",
	}
}
