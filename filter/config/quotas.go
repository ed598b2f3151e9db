package config

import (
	"errors"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/quota"
	kafkameshv1 "github.com/kafkamesh/envoy-kafka-mesh/proto/kafkamesh/v1"
)

// Ranges of quotas.
const (
	maxRequestsPerSecond = 1_000_000
	defaultBurstSeconds  = 1
	maxBurstSeconds      = 3600
)

// longestClientID is how much of a client id is looked at, without what is cut off behind it.
const longestClientID = 128

// quotas checks quotas and fills c.Quotas.
func (c *Config) quotas(bad *mistakes, m *kafkameshv1.Quotas) {
	const path = "quotas.rules"
	list := m.GetRules()
	patterns := 0
	for _, r := range list {
		patterns += len(r.GetPrincipals()) + len(r.GetClientIds())
	}
	given := givenRules{
		in: "quotas", absent: "nothing would be limited", none: "nothing would be limited", write: "principals and a limit", named: "principals and client ids",
		rules: len(list), patterns: patterns,
	}
	if !given.check(bad, m == nil) {
		return
	}
	l := newRuleList(bad, path)
	for i, r := range list {
		c.Quotas = append(c.Quotas, quotaRule(&l, index(path, i), i, r))
	}
}

// quotaRule checks one rule.
func quotaRule(l *ruleList, at string, place int, m *kafkameshv1.QuotaRule) quota.Rule {
	before := len(l.bad.list)
	l.name(join(at, "name"), place, m.GetName())
	r := quota.Rule{Name: m.GetName(), Principals: m.GetPrincipals(), ClientIDs: m.GetClientIds()}
	l.principals(join(at, "principals"), r.Principals)
	l.list(join(at, "client_ids"), r.ClientIDs, clientIDPattern)
	r.ProduceBytes = limit(l.bad, join(at, "produce_bytes_per_second"), m.ProduceBytesPerSecond, 0, 1, maxBytes)
	r.FetchBytes = limit(l.bad, join(at, "fetch_bytes_per_second"), m.FetchBytesPerSecond, 0, 1, maxBytes)
	r.Requests = limit(l.bad, join(at, "requests_per_second"), m.RequestsPerSecond, 0, 1, maxRequestsPerSecond)
	r.Burst = time.Duration(limit(l.bad, join(at, "burst_seconds"), m.BurstSeconds, defaultBurstSeconds, 1, maxBurstSeconds)) * time.Second
	limited := m.ProduceBytesPerSecond != nil || m.FetchBytesPerSecond != nil || m.RequestsPerSecond != nil
	switch {
	case l.unread(at):
		return r
	case limited && m.GetUnlimited():
		l.bad.add(join(at, "unlimited"), "true and a limit exclude each other; keep one")
	case m.GetUnlimited() && m.BurstSeconds != nil:
		l.bad.add(join(at, "burst_seconds"), "has no effect without a limit; remove it, or unlimited")
	case !limited && !m.GetUnlimited():
		l.bad.add(at, "limits nothing; write produce_bytes_per_second, fetch_bytes_per_second or requests_per_second, or unlimited: true, "+
			"which keeps later rules from those whom this one matches")
	}
	if len(l.bad.list) == before {
		l.hidden(at, place, quota.Matching(&r))
	}
	return r
}

// clientIDPattern says what is wrong with a pattern of client ids.
func clientIDPattern(pattern string) error {
	switch {
	case pattern == "":
		return errors.New(`is nobody's; write a client id, the beginning of client ids and a star, or remove client_ids for every one`)
	case len(pattern) > longestClientID:
		return errors.New("is too long: of a client id the first 128 bytes count; write the beginning and a star")
	default:
		return nil
	}
}
