package metrics

import (
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// api is an API that clients are served, and its versions.
type api struct {
	name     string
	key      kmsg.Key
	min, max int16
}

// apis are those that clients are served.
func apis() []api {
	return []api{
		{"produce", kmsg.Produce, 0, 12},
		{"fetch", kmsg.Fetch, 4, 18},
		{"list_offsets", kmsg.ListOffsets, 1, 11},
		{"metadata", kmsg.Metadata, 0, 12},
		{"find_coordinator", kmsg.FindCoordinator, 0, 4},
		{"offset_commit", kmsg.OffsetCommit, 2, 9},
		{"offset_fetch", kmsg.OffsetFetch, 1, 9},
		{"join_group", kmsg.JoinGroup, 0, 9},
		{"heartbeat", kmsg.Heartbeat, 0, 4},
		{"leave_group", kmsg.LeaveGroup, 0, 5},
		{"sync_group", kmsg.SyncGroup, 0, 5},
		{"describe_groups", kmsg.DescribeGroups, 0, 6},
		{"list_groups", kmsg.ListGroups, 0, 5},
		{"api_versions", kmsg.ApiVersions, 0, 4},
		{"init_producer_id", kmsg.InitProducerID, 0, 5},
		{"offset_for_leader_epoch", kmsg.OffsetForLeaderEpoch, 0, 4},
		{"delete_groups", kmsg.DeleteGroups, 0, 2},
		{"offset_delete", kmsg.OffsetDelete, 0, 0},
		{"consumer_group_heartbeat", kmsg.ConsumerGroupHeartbeat, 0, 1},
		{"consumer_group_describe", kmsg.ConsumerGroupDescribe, 0, 1},
		{"create_topics", kmsg.CreateTopics, 2, 7},
		{"delete_topics", kmsg.DeleteTopics, 1, 6},
		{"delete_records", kmsg.DeleteRecords, 0, 2},
		{"describe_configs", kmsg.DescribeConfigs, 1, 4},
		{"alter_configs", kmsg.AlterConfigs, 0, 2},
		{"create_partitions", kmsg.CreatePartitions, 0, 3},
		{"incremental_alter_configs", kmsg.IncrementalAlterConfigs, 0, 1},
		{"describe_cluster", kmsg.DescribeCluster, 0, 2},
		{"describe_topic_partitions", kmsg.DescribeTopicPartitions, 0, 0},
	}
}

// software is what clients call themselves, and what they then count among.
func software() map[string]string {
	return map[string]string{
		"apache-kafka-java": "apache-kafka-java", "librdkafka": "librdkafka", "confluent-kafka-python": "confluent-kafka-python",
		"confluent-kafka-go": "confluent-kafka-go", "confluent-kafka-dotnet": "confluent-kafka-dotnet",
		"confluent-kafka-javascript": "confluent-kafka-javascript", "karafka": "karafka", "ClickHouse": "clickhouse", "kgo": "kgo",
		"sarama": "sarama", "kafka-python": "kafka-python", "platformatic-kafka": "platformatic-kafka", "somebodys-own": "other",
		"": "unnamed",
	}
}

// failingCodes are the error codes that the scripted cluster answers with, by partition, and what each counts as.
var failingCodes = []struct {
	code int16
	name string
}{
	{-1, "unknown_server_error"},
	{2, "corrupt_message"},
	{3, "unknown_topic_or_partition"},
	{5, "leader_not_available"},
	{6, "not_leader_or_follower"},
	{7, "request_timed_out"},
	{10, "message_too_large"},
	{19, "not_enough_replicas"},
	{20, "not_enough_replicas_after_append"},
	{29, "topic_authorization_failed"},
	{31, "cluster_authorization_failed"},
	{32, "invalid_timestamp"},
	{44, "policy_violation"},
	{45, "out_of_order_sequence_number"},
	{47, "invalid_producer_epoch"},
	{59, "unknown_producer_id"},
	{56, "kafka_storage_error"},
	{87, "invalid_record"},
	{89, "other"}, // THROTTLING_QUOTA_EXCEEDED
	{999, "other"},
}

// errorName is what an error code counts as.
func errorName(code int16) string {
	for _, c := range failingCodes {
		if c.code == code {
			return c.name
		}
	}
	return "other"
}

// The metrics that there are once, and those of each cluster, rule and topic.
const (
	alone   = "connections connections_active reads_paused unmatched_topics panics_recovered access_log.written access_log.dropped"
	refused = "consumers administrators logins transactions others"
	reasons = "oversized_frame negative_length tls_handshake http_request malformed_header unknown_api unsupported_version malformed_body " +
		"too_many_partitions request_too_large slow_request memory_limit produce_failed identity_replaced panic"
	ofCluster = "reachable requests batches records bytes failed_batches in_flight_batches in_flight_bytes queued_batches " +
		"batches_per_request time_in_filter_us time_upstream_us time_total_us throttle_time_ms connections connects connect_failures " +
		"login_failures identities identity_refusals metadata_refreshes metadata_age_seconds certificate_expiry_seconds " +
		"fetch.requests fetch.lost fetch.open fetch.bytes fetch.empty fetch.failed_partitions"
	ofTopic = "batches records bytes failed_batches read_bytes read_failed_partitions"
	ofRule  = ofTopic + " time_total_us"
)

// each is some names, with what stands before them.
func each(prefix, names string) (all []string) {
	for name := range strings.FieldsSeq(names) {
		all = append(all, prefix+name)
	}
	return all
}

// knowAll knows every metric that there is, and expects what does not depend on clients.
func (w *world) knowAll() {
	w.know(each("", alone)...)
	w.know(each("refused.", refused)...)
	w.know(each("violations.", reasons)...)
	for _, a := range apis() {
		w.know("requests."+a.name, "request_time_us."+a.name)
		for v := a.min; v <= a.max; v++ {
			w.know(each(versionOf(a.name, v), "requests failures refusals")...)
		}
	}
	for _, label := range software() {
		w.know(each("clients."+label+".", "connections connections_active")...)
	}
	for _, cluster := range clusterNames() {
		scope := "cluster." + cluster + "."
		w.know(each(scope, ofCluster)...)
		for _, c := range failingCodes {
			w.know(scope + "errors." + c.name)
		}
		w.know(each("rule."+cluster+"*.", ofRule)...)
	}
	w.know(each("rule."+moreRule+"*.", ofRule)...)
	for _, topic := range []string{w.topic("counted"), plainTopic} {
		w.know(each("topic."+topic+".", ofTopic)...)
	}
	for _, m := range w.table {
		if strings.HasPrefix(m.Name, "build_info.") {
			w.know(m.Name)
			w.add(m.Name, 1)
		}
	}
	w.reach()
}

// reach expects what is counted of the clusters without any client.
func (w *world) reach() {
	for _, cluster := range []string{kafkaCluster, scriptedCluster, sealedCluster} {
		scope := "cluster." + cluster + "."
		w.add(scope+"reachable", 1)
		w.when(scope+"connects", growing(w.began, 100, 1))
		w.when(scope+"metadata_refreshes", growing(w.began, 100, 1))
		w.when(scope+"metadata_age_seconds", growing(w.began, 1, 1))
		w.when(scope+"connections", func() span { return span{1, 16} })
	}
	w.when("cluster.scripted.connects", func() span {
		n := w.scripted.accepted.Load()
		return span{n - 1, n} // one may be on its way
	})
	for _, cluster := range []string{lockedCluster, deadCluster} {
		w.when("cluster."+cluster+".connect_failures", growing(w.began, 50, 5))
	}
	w.when("cluster.locked.login_failures", growing(w.began, 50, 5))
	w.when("cluster.sealed.certificate_expiry_seconds", func() span {
		left := int64(time.Until(w.ends) / time.Second)
		return span{left - 30, left + 30}
	})
}
