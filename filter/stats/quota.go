package stats

// Quota is the metrics of one rule of quotas. The zero Quota drops everything.
type Quota struct {
	// Throttled counts the requests that had their connections muted, and ThrottleTime adds the milliseconds up for which they were.
	Throttled, ThrottleTime Value
}

// rows are the metrics that each rule has once.
func (q *Quota) rows() []row {
	return []row{
		{&q.Throttled, Metric{
			Name: "throttled", Unit: "requests", Help: "Requests of clients that had done more than a rule of `quotas` lets them: their connections were not read from for a while.", Rare: true,
		}},
		{&q.ThrottleTime, Metric{
			Name: "throttle_time_ms", Unit: "milliseconds", Help: "For how long that was, of all connections together.", Rare: true,
		}},
	}
}

func quotaScope(rule string) scope { return scoped("quotas", rule, LabelQuota) }

// Quota gives the metrics of a rule of quotas, by its name.
func (s *Set) Quota(rule string) *Quota {
	q := new(Quota)
	s.bind(q.rows(), quotaScope(rule).prefix())
	return q
}
