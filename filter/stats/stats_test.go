package stats_test

import (
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/broker"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// counted is the names of the metrics that are not zero.
func counted(table []stats.Metric, values []int64) []string {
	var names []string
	for i, m := range table {
		if values[i] != 0 {
			names = append(names, m.Name)
		}
	}
	return names
}

func TestTable(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	valid := regexp.MustCompile(`^[a-z0-9_]+(\.[a-z0-9_]+)*$`)
	for _, m := range stats.Table([]string{"kafka_c1", "kafka_c2"}) {
		if seen[m.Name] {
			t.Errorf("%s is listed twice", m.Name)
		}
		seen[m.Name] = true
		if !valid.MatchString(m.Name) {
			t.Errorf("%s is not lower case with underscores and dots", m.Name)
		}
		if m.Unit == "" || !strings.HasSuffix(m.Help, ".") {
			t.Errorf("%s has unit %q and help %q, want a unit and a sentence", m.Name, m.Unit, m.Help)
		}
	}
}

// TestEveryMetricIsCounted adds to everything that a Set gives, under the names of package wire, and wants every row of
// the table to have moved: no row that nothing counts, no name that nobody lists.
func TestEveryMetricIsCounted(t *testing.T) {
	t.Parallel()
	const first, second = "kafka_c1", "eu:kafka.c2"
	table := stats.Table([]string{first, second})
	values := make([]int64, len(table))
	s := stats.New(table, values)
	use := []stats.Value{s.Connections, s.ActiveConnections, s.PanicsRecovered, s.Build}
	for _, api := range broker.APIs() {
		use = append(use, s.Request(api.Name))
	}
	for _, reason := range wire.Reasons() {
		use = append(use, s.Violation(reason.String()))
	}
	for _, name := range []string{first, second} {
		c := s.Cluster(name)
		use = append(use, c.Requests, c.Batches, c.Bytes, c.InFlightBatches, c.InFlightBytes, c.Connections, c.ConnectFailures,
			c.MetadataRefreshes, c.Error(9999))
		for _, code := range wire.ErrorCodes() {
			use = append(use, c.Error(int16(code)))
		}
	}
	for _, v := range use {
		v.Add(1)
	}
	for i, m := range table {
		if values[i] != 1 {
			t.Errorf("%s = %d, want 1", m.Name, values[i])
		}
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		value func(s *stats.Set) stats.Value
		want  string // empty: dropped
	}{
		{"connections", func(s *stats.Set) stats.Value { return s.Connections }, "connections"},
		{"active connections", func(s *stats.Set) stats.Value { return s.ActiveConnections }, "connections_active"},
		{"API", func(s *stats.Set) stats.Value { return s.Request("InitProducerId") }, "requests.init_producer_id"},
		{"unknown API", func(s *stats.Set) stats.Value { return s.Request("API_71") }, ""},
		{"violation", func(s *stats.Set) stats.Value { return s.Violation("tls_handshake") }, "violations.tls_handshake"},
		{"unknown violation", func(s *stats.Set) stats.Value { return s.Violation("unknown") }, ""},
		{"cluster", func(s *stats.Set) stats.Value { return s.Cluster("c1").InFlightBytes }, "cluster.c1.in_flight_bytes"},
		{"unknown cluster", func(s *stats.Set) stats.Value { return s.Cluster("c2").Batches }, ""},
		{"cluster named with a colon", func(s *stats.Set) stats.Value { return s.Cluster("a:b").Batches }, "cluster.a_b.batches"},
		{"no error", func(s *stats.Set) stats.Value { return s.Cluster("c1").Error(0) }, ""},
		{
			"error",
			func(s *stats.Set) stats.Value { return s.Cluster("c1").Error(6) }, "cluster.c1.errors.not_leader_or_follower",
		},
		{"error of the future", func(s *stats.Set) stats.Value { return s.Cluster("c1").Error(777) }, "cluster.c1.errors.other"},
		{"error of an unknown cluster", func(s *stats.Set) stats.Value { return s.Cluster("c2").Error(6) }, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			table := stats.Table([]string{"c1", "a:b"})
			values := make([]int64, len(table))
			tc.value(stats.New(table, values)).Add(1)
			var want []string
			if tc.want != "" {
				want = []string{tc.want}
			}
			if diff := cmp.Diff(want, counted(table, values)); diff != "" {
				t.Errorf("counted (-want +got):\n%s", diff)
			}
		})
	}
}

func TestZeroValuesDrop(t *testing.T) {
	t.Parallel()
	var s stats.Set
	s.Connections.Add(1)
	s.Request("Produce").Add(1)
	s.Violation("panic").Add(1)
	s.Cluster("kafka_c1").Error(1).Add(1)
	var c stats.Cluster
	c.Batches.Add(1)
	c.Error(1).Add(1)
}

// TestHammerAdd adds from many goroutines while a host takes what came, as a host that publishes does.
func TestHammerAdd(t *testing.T) {
	t.Parallel()
	const workers, each = 8, 2000
	table := stats.Table([]string{"kafka_c1"})
	values := make([]int64, len(table))
	s := stats.New(table, values)
	stop, taken := make(chan struct{}), make(chan int64)
	go func() {
		var sum int64
		for {
			select {
			case <-stop:
				taken <- sum + take(values)
				return
			default:
				sum += take(values)
			}
		}
	}()
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			c := s.Cluster("kafka_c1")
			for range each {
				s.Connections.Add(1)
				c.Error(6).Add(1)
				c.InFlightBytes.Add(10)
				c.InFlightBytes.Add(-10)
			}
		})
	}
	wg.Wait()
	close(stop)
	if got := <-taken; got != 2*workers*each {
		t.Errorf("taken = %d, want %d", got, 2*workers*each)
	}
}

// take is how a host publishes: what came since it looked last.
func take(values []int64) (sum int64) {
	for i := range values {
		sum += atomic.SwapInt64(&values[i], 0)
	}
	return sum
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
