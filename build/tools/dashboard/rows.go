package main

import (
	"fmt"
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/units"
)

// prefix stands before each metric: Envoy's own, and the metrics_namespace of every example. The plain binary has the same.
const prefix = "envoy_kafkamesh_"

// Choices of whoever looks.
const (
	chosen        = `job=~"$job", instance=~"$instance"`
	chosenCluster = chosen + `, kafka_cluster=~"$cluster"`
)

// metric is one with the choices that concern it, and more conditions.
func metric(name string, more ...string) string {
	choice := chosen
	if strings.HasPrefix(name, "cluster_") {
		choice = chosenCluster
	}
	return prefix + name + "{" + strings.Join(append([]string{choice}, more...), ", ") + "}"
}

func rate(name string, more ...string) string {
	return "rate(" + metric(name, more...) + "[$__rate_interval])"
}

// sum adds up by labels; without any, all.
func sum(by, expr string) string {
	if by == "" {
		return "sum(" + expr + ")"
	}
	return "sum by (" + by + ") (" + expr + ")"
}

// quantile is one of a histogram, by labels.
func quantile(q float64, by, name string, more ...string) string {
	return fmt.Sprintf("histogram_quantile(%v, %s)", q, sum(strings.TrimPrefix(by+", le", ", "), rate(name+"_bucket", more...)))
}

// mean is that of a histogram, by labels.
func mean(by, name string) string {
	return sum(by, rate(name+"_sum")) + " / " + sum(by, rate(name+"_count"))
}

// groupAPIs is the condition for what is asked of consumer groups by their members.
const groupAPIs = `kafka_api=~"offset_commit|offset_fetch|find_coordinator|join_group|heartbeat|leave_group|sync_group|consumer_group_heartbeat"`

// produce is the condition for requests with records.
const produce = `kafka_api="produce"`

func rows() []row {
	return []row{overview(), traffic(), reading(), latency(), mistakes(), reachability(), clients(), principals(), limits()}
}

func overview() row {
	failing := sum("", rate("rule_failed_batches")) + " / (" + sum("", rate("rule_batches")) + " > 0) or vector(0)"
	return row{"Overview", []panel{
		figure("Clusters out of reach", "Clusters that an instance cannot reach, or cannot log in to. Good: 0.", units.Number,
			query{"sum(1 - clamp_max(" + metric("cluster_reachable") + ", 1)) or vector(0)", ""}).badFrom(1),
		figure("Batches that fail", "Record batches that were answered with an error, of all. Clients retry most of them.", units.PercentUnit,
			query{failing, ""}).badFrom(0.01),
		figure("Produce, 99th percentile", "From the end of a client's request to the beginning of its answer.", units.Microseconds,
			query{quantile(0.99, "", "request_time_us", produce), ""}),
		figure("Records", "Records to all clusters.", units.RecordsPerSecond,
			query{sum("", rate("cluster_records")), ""}),
		figure("Clients", "Clients connected now.", units.Number,
			query{sum("", metric("connections_active")), ""}),
		labels("Versions", "Versions of the mesh that are at work.",
			query{sum("kafkamesh_version", metric("build_info")) + " > 0", "{{kafkamesh_version}}"}),
		graph("Alerts", "Alerts of alerts.yaml that fire. Good: none.", units.Number,
			query{`sum by (alertname, kafka_cluster) (ALERTS{alertname=~"KafkaMesh.+", alertstate="firing"})`, "{{alertname}} {{kafka_cluster}}"}).wide(24),
	}}
}

func traffic() row {
	return row{"Traffic", []panel{
		area("Records by cluster", "Records in the batches that were sent to the cluster's brokers.", units.RecordsPerSecond,
			query{sum("kafka_cluster", rate("cluster_records")), "{{kafka_cluster}}"}),
		area("Bytes by cluster", "Length of these batches, compressed as the clients had them.", units.BytesPerSecondSI,
			query{sum("kafka_cluster", rate("cluster_bytes")), "{{kafka_cluster}}"}),
		graph("Batches in a request, on average", "How many batches of clients leave in one request to a broker: more under load.", units.Number,
			query{mean("kafka_cluster", "cluster_batches_per_request"), "{{kafka_cluster}}"}),
		area("Records by rule", "Records that have their results, by the forwarding rule that took them.", units.RecordsPerSecond,
			query{sum("kafka_rule", rate("rule_records")), "{{kafka_rule}}"}),
		area("Records by topic", "The same of the topics in topic_metrics.", units.RecordsPerSecond,
			query{sum("kafka_topic", rate("topic_records")), "{{kafka_topic}}"}),
		graph("Requests by API", "Requests of clients.", units.RequestsPerSecond,
			query{sum("kafka_api", rate("requests")), "{{kafka_api}}"}),
	}}
}

func reading() row {
	return row{"Reading and groups", []panel{
		area("Bytes read by cluster", "Length of the records that the cluster's brokers answered with.", units.BytesPerSecondSI,
			query{sum("kafka_cluster", rate("cluster_fetch_bytes")), "{{kafka_cluster}}"}),
		area("Bytes read by rule", "Length of the record batches that clients were given, by the forwarding rule that has them read.", units.BytesPerSecondSI,
			query{sum("kafka_rule", rate("rule_read_bytes")), "{{kafka_rule}}"}),
		area("Bytes read by topic", "The same of the topics in topic_metrics.", units.BytesPerSecondSI,
			query{sum("kafka_topic", rate("topic_read_bytes")), "{{kafka_topic}}"}),
		graph("Fetches to brokers", "Sent, those of them without records, and those that were not answered. Those without records wait for some.", units.RequestsPerSecond,
			query{sum("kafka_cluster", rate("cluster_fetch_requests")), "{{kafka_cluster}}: sent"},
			query{sum("kafka_cluster", rate("cluster_fetch_empty")), "{{kafka_cluster}}: without records"},
			query{sum("kafka_cluster", rate("cluster_fetch_lost")), "{{kafka_cluster}}: lost"}),
		graph("Fetches that wait", "Fetch requests that wait at brokers now.", units.Number,
			query{sum("kafka_cluster", metric("cluster_fetch_open")), "{{kafka_cluster}}"}),
		graph("Partitions that cannot be read", "Answered with an error: by brokers, and to clients.", units.CountsPerSecond,
			query{sum("kafka_cluster", rate("cluster_fetch_failed_partitions")), "{{kafka_cluster}}"},
			query{sum("kafka_rule", rate("rule_read_failed_partitions")), "{{kafka_rule}}"},
			query{sum("kafka_topic", rate("topic_read_failed_partitions")), "{{kafka_topic}}"}),
		graph("What members ask of groups", "Requests of members of consumer groups.", units.RequestsPerSecond,
			query{sum("kafka_api", rate("requests", groupAPIs)), "{{kafka_api}}"}),
		graph("What members of groups are answered with an error", "Commits fail while a cluster is down; a rebalance makes a few.", units.RequestsPerSecond,
			query{sum("kafka_api", rate("api_failures", groupAPIs)), "{{kafka_api}}"}),
	}}
}

func latency() row {
	const us = units.Microseconds
	return row{"Latency", []panel{
		graph("Produce, as clients see it", "From the end of a request to the beginning of its answer.", us,
			query{quantile(0.5, "", "request_time_us", produce), "half"},
			query{quantile(0.95, "", "request_time_us", produce), "95 of 100"},
			query{quantile(0.99, "", "request_time_us", produce), "99 of 100"}),
		graph("By cluster, 99th percentile", "From the end of a request until the cluster's part of it has its result.", us,
			query{quantile(0.99, "kafka_cluster", "cluster_time_total_us"), "{{kafka_cluster}}"}),
		graph("By rule, 99th percentile", "From the end of a request until all of its batches have their results.", us,
			query{quantile(0.99, "kafka_rule", "rule_time_total_us"), "{{kafka_rule}}"}),
		area("Where the time goes, on average", "In the mesh, mostly in a queue; and from there to the broker's answer.", us,
			query{mean("kafka_cluster", "cluster_time_in_filter_us"), "{{kafka_cluster}}: in the mesh"},
			query{mean("kafka_cluster", "cluster_time_upstream_us"), "{{kafka_cluster}}: upstream"}),
		heatMap("Produce, how many took how long", "As clients see it.", us,
			query{sum("le", strings.Replace(rate("request_time_us_bucket", produce), "rate(", "increase(", 1)), "{{le}}"}),
		graph("Other APIs, 99th percentile", "As clients see it.", us,
			query{quantile(0.99, "kafka_api", "request_time_us", `kafka_api!="produce"`), "{{kafka_api}}"}),
	}}
}

func mistakes() row {
	return row{"Errors", []panel{
		graph("Batches that fail, by rule", "Of all that have their results.", units.PercentUnit,
			query{sum("kafka_rule", rate("rule_failed_batches")) + " / " + sum("kafka_rule", rate("rule_batches")), "{{kafka_rule}}"}).badFrom(0.01),
		graph("Errors by code", "Batches that were answered with an error, by Kafka's name of it. A few not_leader_or_follower go with each change of a leader.", units.CountsPerSecond,
			query{sum("kafka_cluster, kafka_error", rate("cluster_errors")) + " > 0", "{{kafka_cluster}}: {{kafka_error}}"}),
		graph("Requests that fail or are refused", "Failed: an error of a cluster or of its absence. Refused: by the mesh itself.", units.RequestsPerSecond,
			query{sum("kafka_api", rate("api_failures")) + " > 0", "{{kafka_api}}: failed"},
			query{sum("kafka_api", rate("api_refusals")) + " > 0", "{{kafka_api}}: refused"}),
	}}
}

func reachability() row {
	return row{"Reachability", []panel{
		bands("Clusters", "Whether each instance can reach the cluster and log in to it.",
			query{"clamp_max(" + metric("cluster_reachable") + ", 1)", "{{kafka_cluster}} from {{instance}}"}),
		graph("Connections that cannot be made", "Attempts to reach a broker that failed, and those that failed with the login.", units.CountsPerSecond,
			query{sum("kafka_cluster", rate("cluster_connect_failures")), "{{kafka_cluster}}: all"},
			query{sum("kafka_cluster", rate("cluster_login_failures")), "{{kafka_cluster}}: login"}),
		graph("Connections to brokers", "Those open for batches, and how often one is made.", units.Number,
			query{sum("kafka_cluster", metric("cluster_connections")), "{{kafka_cluster}}: open"},
			query{sum("kafka_cluster", rate("cluster_connects")), "{{kafka_cluster}}: made in a second"}),
		graph("Age of metadata", "Since the cluster last said which brokers lead what. Good: below what metadata.max.age.ms says.", units.Seconds,
			query{"max by (kafka_cluster) (" + metric("cluster_metadata_age_seconds") + ")", "{{kafka_cluster}}"}),
		graph("Metadata refreshes", "Answers of the cluster to requests for metadata.", units.RequestsPerSecond,
			query{sum("kafka_cluster", rate("cluster_metadata_refreshes")), "{{kafka_cluster}}"}),
		figure("Certificates end in", "Until the first certificate ends, of our own and the brokers'.", units.Seconds,
			query{"min by (kafka_cluster) (" + metric("cluster_certificate_expiry_seconds") + " > 0)", "{{kafka_cluster}}"}).wide(8).badBelow(14 * 24 * 3600),
	}}
}

func clients() row {
	return row{"Clients", []panel{
		area("Clients by software", "Clients connected now, by the software that they name.", units.Number,
			query{sum("kafka_software", metric("clients_connections_active")) + " > 0", "{{kafka_software}}"}),
		graph("Connections of clients", "How many connect in a second. Many more than clients: they connect again and again.", units.CountsPerSecond,
			query{sum("instance", rate("connections")), "{{instance}}"}),
		graph("Produce by version", "Which versions of Produce clients speak.", units.RequestsPerSecond,
			query{sum("kafka_version", rate("api_requests", produce)) + " > 0", "{{kafka_version}}"}),
		graph("Topics without a rule", "Topics that clients named and no forwarding rule matches. The log says which, and who asked.", units.CountsPerSecond,
			query{sum("instance", rate("unmatched_topics")), "{{instance}}"}),
		graph("Clients that are not served", "Requests of consumers, administrators and the like, which are refused.", units.RequestsPerSecond,
			query{sum("kafka_client_kind", rate("refused")) + " > 0", "{{kafka_client_kind}}"}),
		graph("Connections closed by the mesh", "For what the client did: see docs/metrics.md.", units.CountsPerSecond,
			query{sum("kafka_reason", rate("violations")) + " > 0", "{{kafka_reason}}"}),
	}}
}

func principals() row {
	return row{"Who clients are", []panel{
		graph("Logins", "Clients that log in, by mechanism; those that do it again are logged in already.", units.CountsPerSecond,
			query{sum("kafka_mechanism", rate("logins_succeeded")), "{{kafka_mechanism}}"},
			query{sum("kafka_mechanism", rate("logins_renewed")), "{{kafka_mechanism}}: again"}),
		graph("Logins that fail", "By mechanism and reason. The log says where they come from.", units.CountsPerSecond,
			query{sum("kafka_mechanism, kafka_login_failure", rate("logins_failed")) + " > 0", "{{kafka_mechanism}}: {{kafka_login_failure}}"}),
		graph("TLS handshakes that fail", "Of clients of the plain binary, by reason: see docs/metrics.md.", units.CountsPerSecond,
			query{sum("kafka_tls_failure", rate("tls_handshakes_failed")) + " > 0", "{{kafka_tls_failure}}"}),
		graph("Denied", "What clients may not do, by the rule of authorization that says so.", units.CountsPerSecond,
			query{sum("kafka_authorization_rule", rate("denied")) + " > 0", "{{kafka_authorization_rule}}"}),
		graph("Throttled by quotas", "How many clients' connections are not read from because of the mesh's own quotas, on average.", units.Number,
			query{sum("kafka_quota_rule", rate("quotas_throttle_time_ms")) + " / 1000", "{{kafka_quota_rule}}"}),
		graph("Identities", "How many identities of clients clusters see, added up over workers.", units.Number,
			query{sum("kafka_cluster", metric("cluster_identities")), "{{kafka_cluster}}"}),
		graph("Without an identity", "What is refused because a cluster has no identity for the client.", units.CountsPerSecond,
			query{sum("kafka_cluster", rate("cluster_identity_refusals")), "{{kafka_cluster}}"}),
	}}
}

func limits() row {
	return row{"Limits", []panel{
		area("Bytes in flight", "Batches that are queued or sent, and not yet answered.", units.BytesIEC,
			query{sum("kafka_cluster", metric("cluster_in_flight_bytes")), "{{kafka_cluster}}"}),
		graph("Batches in flight and queued", "Queued are those that wait to be sent.", units.Number,
			query{sum("kafka_cluster", metric("cluster_in_flight_batches")), "{{kafka_cluster}}: in flight"},
			query{sum("kafka_cluster", metric("cluster_queued_batches")), "{{kafka_cluster}}: queued"}),
		graph("Pauses", "How often clients were not read from for a while, because they had too much in flight or did not read.", units.CountsPerSecond,
			query{sum("instance", rate("reads_paused")), "{{instance}}"}),
		graph("Throttled by brokers", "For how much of the time brokers asked us to send less, because of their quotas.", units.PercentUnit,
			query{sum("kafka_cluster", rate("cluster_throttle_time_ms")) + " / 1000", "{{kafka_cluster}}"}),
		graph("Access log", "Records that were written, and dropped because they came too fast.", units.CountsPerSecond,
			query{sum("", rate("access_log_written")), "written"},
			query{sum("", rate("access_log_dropped")), "dropped"}),
		figure("Panics recovered", "Bugs that were caught, in the time shown. Please report them.", units.Number,
			query{"sum(increase(" + metric("panics_recovered") + "[$__range]))", ""}).wide(8).badFrom(1),
	}}
}
