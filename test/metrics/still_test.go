package metrics

import "strings"

// still are the metrics that no traffic of these tests can move, as expressions.
var still = []string{
	`panics_recovered`, `violations\.panic`, // there is no bug that anybody knows
	`api\.api_versions\.v[0-2]\.(failures|refusals)`, // there is nothing in it that could be wrong
}

// uncounted reports whether a metric is other tests': what clients are refused and call themselves (TestTroubleshooting, TestSoftware),
// and the access log, which is off here (TestAccessLog).
func uncounted(name string) bool {
	for _, prefix := range []string{"refused.", "clients.", "access_log."} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}
