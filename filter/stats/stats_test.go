package stats_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/broker"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/login"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/logins"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/software"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats/statstest"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// scope is one with some of everything.
func scope() stats.Scope {
	of := stats.Scope{Clusters: []string{"kafka_c1", "eu:kafka.c2"}, Rules: []string{"orders.eu", "orders.", ""}, Topics: []string{"orders.eu.paid", "..x."}, Denying: []string{"no-secrets", "1", "no_rule"}, Quotas: []string{"batch", "1"}}
	for _, api := range broker.APIs() {
		of.APIs = append(of.APIs, api.API)
	}
	of.Mechanisms = []string{login.Plain, login.ScramSHA256, login.ScramSHA512, login.OAuthBearer}
	of.LoginFailures = logins.Failures()
	of.ListensTLS = true
	return of
}

func TestTable(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	valid := regexp.MustCompile(`^[a-z0-9_-]+(\.[a-z0-9_-]+|\.[a-z0-9_-]*\*)*$`)
	families := map[string]stats.Metric{}
	for _, m := range stats.NewTable(scope()) {
		if seen[m.Name] {
			t.Errorf("%s is listed twice", m.Name)
		}
		seen[m.Name] = true
		if !valid.MatchString(m.Name) || !valid.MatchString(m.Family) {
			t.Errorf("%s, of the family %s, is not lower case with underscores and dots", m.Name, m.Family)
		}
		if m.Unit == "" || !strings.HasSuffix(m.Help, ".") {
			t.Errorf("%s has unit %q and help %q, want a unit and a sentence", m.Name, m.Unit, m.Help)
		}
		if first, ok := families[m.Family]; ok && (first.Kind != m.Kind || first.Unit != m.Unit || !slices.Equal(labels(first), labels(m))) {
			t.Errorf("%s is a %s in %s with the labels %v, unlike others of its family", m.Name, m.Kind, m.Unit, labels(m))
		}
		families[m.Family] = m
		if len(m.Labels) == 0 && m.Family != m.Name {
			t.Errorf("%s is of the family %s, and has no label that says so", m.Name, m.Family)
		}
	}
}

func labels(m stats.Metric) (names []string) {
	for _, l := range m.Labels {
		names = append(names, l.Name)
	}
	return names
}

// TestEveryMetricIsCounted adds to everything that a Set gives, under the names of package wire, and wants every row of
// the table to have moved: no row that nothing counts, no name that nobody lists.
func TestEveryMetricIsCounted(t *testing.T) {
	t.Parallel()
	of := scope()
	s := stats.New(stats.NewTable(of))
	use := []stats.Value{
		s.Connections, s.ActiveConnections, s.ReadsPaused, s.UnmatchedTopics, s.PanicsRecovered, s.AccessLogWritten, s.AccessLogDropped, s.Build,
	}
	var sizes []stats.Distribution
	var levels []stats.Level
	for _, api := range of.APIs {
		a := s.API(api)
		use, sizes = append(use, a.Requests), append(sizes, a.Time)
		for v := api.Min; v <= api.Max; v++ {
			use = append(use, a.Version(v).Requests, a.Version(v).Failures, a.Version(v).Refusals)
		}
		a.Version(api.Max + 1).Requests.Add(1) // dropped
	}
	for _, reason := range wire.Reasons() {
		use = append(use, s.Violation(reason))
	}
	for _, kind := range wire.RefusedKinds() {
		use = append(use, s.Refused(kind))
	}
	for _, name := range software.Labels() {
		use = append(use, s.Client(name).Connections, s.Client(name).Active)
	}
	for _, mechanism := range of.Mechanisms {
		l := s.Login(mechanism)
		use = append(use, l.Succeeded, l.Renewed)
		for _, reason := range of.LoginFailures {
			use = append(use, l.Failed(reason))
		}
		l.Failed("?").Add(1) // dropped
	}
	use = append(use, s.Login(stats.OtherMechanism).Failed(stats.NoMechanism))
	for _, name := range of.Clusters {
		c := s.Cluster(name)
		use = append(use, c.Requests, c.Batches, c.Records, c.Bytes, c.Failed, c.InFlightBatches, c.InFlightBytes, c.QueuedBatches,
			c.ThrottleTime, c.Connections, c.Connects, c.ConnectFailures, c.LoginFailures, c.MetadataRefreshes, c.Identities, c.IdentityRefusals, c.Error(9999),
			c.Fetch.Requests, c.Fetch.Lost, c.Fetch.Open, c.Fetch.Bytes, c.Fetch.Empty, c.Fetch.Failed)
		sizes = append(sizes, c.BatchesPerRequest, c.TimeInFilter, c.TimeUpstream, c.TimeTotal)
		levels = append(levels, c.Reachable, c.MetadataAge, c.CertificateExpiry)
		counted := map[stats.Value]bool{c.Error(9999): true}
		for _, code := range wire.ErrorCodes() {
			if v := c.Error(int16(code)); code != wire.None && !counted[v] {
				counted[v] = true
				use = append(use, v)
			}
		}
	}
	for _, rule := range of.Denying {
		use = append(use, s.Denied(rule))
	}
	for _, rule := range of.Quotas {
		q := s.Quota(rule)
		use = append(use, q.Throttled, q.ThrottleTime)
	}
	for _, f := range stats.TLSFailures() {
		use = append(use, s.TLSFailed(f))
	}
	for _, prefix := range of.Rules {
		r := s.Rule(prefix)
		use, sizes = append(use, r.Batches, r.Records, r.Bytes, r.Failed, r.ReadBytes, r.ReadFailed), append(sizes, r.Time)
	}
	for _, topic := range of.Topics {
		r := s.Topic(topic)
		use = append(use, r.Batches, r.Records, r.Bytes, r.Failed, r.ReadBytes, r.ReadFailed)
	}
	for _, v := range use {
		v.Add(1)
	}
	for _, d := range sizes {
		d.Record(1)
	}
	for _, l := range levels {
		l.Set(5)
		l.Set(1)
	}
	for _, sample := range s.Read() {
		switch {
		case sample.Sizes != nil && (sample.Sizes.Count() != 1 || sample.Sizes.Sum != 1):
			t.Errorf("%s has %d that add up to %d, want one of 1", sample.Name, sample.Sizes.Count(), sample.Sizes.Sum)
		case sample.Sizes == nil && sample.Value != 1:
			t.Errorf("%s = %d, want 1", sample.Name, sample.Value)
		}
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	produce := wire.API{Shape: wire.ShapeProduce, Max: 12}
	for _, tc := range []struct {
		name  string
		value func(s *stats.Set) stats.Value
		want  string // empty: dropped
	}{
		{"connections", func(s *stats.Set) stats.Value { return s.Connections }, "connections"},
		{"active connections", func(s *stats.Set) stats.Value { return s.ActiveConnections }, "connections_active"},
		{"API", func(s *stats.Set) stats.Value { return s.API(wire.API{Shape: wire.ShapeInitProducerID}).Requests }, "requests.init_producer_id"},
		{"version", func(s *stats.Set) stats.Value { return s.API(produce).Version(9).Failures }, "api.produce.v9.failures"},
		{"unknown version", func(s *stats.Set) stats.Value { return s.API(produce).Version(13).Failures }, ""},
		{"violation", func(s *stats.Set) stats.Value { return s.Violation(wire.ReasonTLSHandshake) }, "violations.tls_handshake"},
		{"refused", func(s *stats.Set) stats.Value { return s.Refused(wire.Logins) }, "refused.logins"},
		{"unknown kind", func(s *stats.Set) stats.Value { return s.Refused(wire.Producers) }, ""},
		{"software", func(s *stats.Set) stats.Value { return s.Client("librdkafka").Active }, "clients.librdkafka.connections_active"},
		{"cluster", func(s *stats.Set) stats.Value { return s.Cluster("kafka_c1").InFlightBytes }, "cluster.kafka_c1.in_flight_bytes"},
		{"unknown cluster", func(s *stats.Set) stats.Value { return s.Cluster("c2").Batches }, ""},
		{"cluster named with a colon", func(s *stats.Set) stats.Value { return s.Cluster("eu:kafka.c2").Batches }, "cluster.eu_kafka.c2.batches"},
		{"rule", func(s *stats.Set) stats.Value { return s.Rule("orders.eu").Bytes }, "rule.orders.eu*.bytes"},
		{"catch-all", func(s *stats.Set) stats.Value { return s.Rule("").Bytes }, "rule.*.bytes"},
		{"rule with a dot at its end", func(s *stats.Set) stats.Value { return s.Rule("orders.").Bytes }, "rule.orders.*.bytes"},
		{"topic with dots at its ends", func(s *stats.Set) stats.Value { return s.Topic("..x.").Records }, "topic._.x_.records"},
		{"topic", func(s *stats.Set) stats.Value { return s.Topic("orders.eu.paid").Records }, "topic.orders.eu.paid.records"},
		{"no error", func(s *stats.Set) stats.Value { return s.Cluster("kafka_c1").Error(0) }, ""},
		{
			"error",
			func(s *stats.Set) stats.Value { return s.Cluster("kafka_c1").Error(6) }, "cluster.kafka_c1.errors.not_leader_or_follower",
		},
		{"rare error", func(s *stats.Set) stats.Value { return s.Cluster("kafka_c1").Error(16) }, "cluster.kafka_c1.errors.other"},
		{"error of the future", func(s *stats.Set) stats.Value { return s.Cluster("kafka_c1").Error(777) }, "cluster.kafka_c1.errors.other"},
		{"error of an unknown cluster", func(s *stats.Set) stats.Value { return s.Cluster("c2").Error(6) }, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s := stats.New(stats.NewTable(scope()))
			tc.value(s).Add(1)
			var want, counted []string
			if tc.want != "" {
				want = []string{tc.want}
			}
			for _, sample := range s.Read() {
				if !sample.IsZero() {
					counted = append(counted, sample.Name)
				}
			}
			if diff := cmp.Diff(want, counted); diff != "" {
				t.Errorf("counted (-want +got):\n%s", diff)
			}
		})
	}
	if statstest.New().Topic("apples") != nil {
		t.Error("a topic that is not counted apart has metrics")
	}
}

func TestZeroValuesDrop(t *testing.T) {
	t.Parallel()
	var s stats.Set
	s.Connections.Add(1)
	s.API(wire.API{Shape: wire.ShapeProduce}).Version(0).Requests.Add(1)
	s.Violation(wire.ReasonPanic).Add(1)
	s.Cluster("kafka_c1").Error(1).Add(1)
	var c stats.Cluster
	c.Batches.Add(1)
	c.Error(1).Add(1)
	c.TimeTotal.Record(1)
	c.Reachable.Set(1)
}

func TestMerge(t *testing.T) {
	t.Parallel()
	a, b := statstest.New("c1"), statstest.New("c1", "c2")
	a.Connections.Add(1)
	b.Connections.Add(2)
	a.Cluster("c1").TimeTotal.Record(10)
	b.Cluster("c1").TimeTotal.Record(1000)
	b.Cluster("c2").Batches.Add(5)
	before := a.Read()
	got := map[string]stats.Sample{}
	for _, s := range stats.Merge(before, b.Read()) {
		got[s.Name] = s
	}
	if n := got["connections"].Value; n != 3 {
		t.Errorf("connections = %d, want 3", n)
	}
	if n := got["cluster.c2.batches"].Value; n != 5 {
		t.Errorf("cluster.c2.batches = %d, want 5", n)
	}
	if s := got["cluster.c1.time_total_us"].Sizes; s.Count() != 2 || s.Sum != 1010 {
		t.Errorf("%d times that add up to %d, want 2 and 1010", s.Count(), s.Sum)
	}
	for _, s := range before {
		if s.Name == "cluster.c1.time_total_us" && s.Sizes.Count() != 1 {
			t.Error("Merge has changed what it was given")
		}
	}
}

func TestBuildName(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]string{
		"v1.2.3":                    "build_info.v1.2.3",
		"v0.9.0-3-gabc-dirty":       "build_info.v0.9.0_3_gabc_dirty",
		"v0.0.0-20260101-AB+dirty.": "build_info.v0.0.0_20260101_ab_dirty",
		"devel":                     "build_info.devel",
		"unknown":                   "build_info.unknown",
	} {
		if got := stats.BuildName(version); got != want {
			t.Errorf("buildName(%q) = %q, want %q", version, got, want)
		}
	}
}
