package metrics

// still are the metrics that no traffic of these tests can move, as expressions.
var still = []string{
	`access_log\.dropped`,                   // TestLinesThatAreDropped
	`panics_recovered`, `violations\.panic`, // there is no bug that anybody knows
	`api\.fetch\.v1[3-8]\.refusals`,                  // an id says no name
	`cluster\..*\.fetch\.lost`,                       // brokers answer
	`api\.list_groups\..*\.(failures|refusals)`,      // it fails when no cluster answers
	`api\.(describe|delete)_groups\..*\.refusals`,    // what is wrong with them, clusters say
	`api\.api_versions\.v[0-2]\.(failures|refusals)`, // there is nothing in it that could be wrong
}
