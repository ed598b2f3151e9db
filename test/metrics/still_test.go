package metrics

// still are the metrics that no traffic of these tests can move, as expressions.
var still = []string{
	`access_log\.dropped`,                   // TestLinesThatAreDropped
	`panics_recovered`, `violations\.panic`, // there is no bug that anybody knows
	`cluster\..*\.identit.*`, `violations\.identity_replaced`, // no cluster here knows clients apart: TestIdentities
	`api\.fetch\.v1[3-8]\.refusals`,             // an id says no name
	`cluster\..*\.fetch\.lost`,                  // brokers answer
	`api\.list_groups\..*\.(failures|refusals)`, // it fails when no cluster answers
	`api\.find_coordinator\.v0\.refusals`,       // it cannot ask for a transaction's
	// The facade refuses nothing of them, or only for topics without a rule, as tests of package broker have it.
	`api\.(join_group|sync_group|heartbeat|leave_group|offset_commit|offset_fetch|consumer_group_heartbeat|consumer_group_describe)\..*\.refusals`,
	`api\.describe_cluster\..*\.refusals`,
	`cluster\..*\.fetch\.open`,                       // only while a client waits
	`api\.(describe|delete)_groups\..*\.refusals`,    // what is wrong with them, clusters say
	`api\.api_versions\.v[0-2]\.(failures|refusals)`, // there is nothing in it that could be wrong
}
