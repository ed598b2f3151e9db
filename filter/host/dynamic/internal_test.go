package dynamic

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkamesh/envoy-kafka-mesh/filter"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/config"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/host/dynamic/abi"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/session"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats/statstest"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream"
)

const valid = `
advertised_host: kafka.example
advertised_port: 9092
upstream_clusters: [{cluster_name: c1, bootstrap_servers: "b:9092"}]
forwarding_rules: [{target_cluster: c1, topic_prefix: ""}]
`

// envoy records what Envoy would be told.
type envoy struct {
	lines   []string
	metrics []abi.Metric
	err     error // of define
}

func (e *envoy) log() *slog.Logger {
	return newLog(func(l abi.Level) bool { return l > abi.Debug }, func(l abi.Level, line string) {
		e.lines = append(e.lines, fmt.Sprintf("%d %s", l, line))
	})
}

func (e *envoy) define(m []abi.Metric) (abi.Memory, error) {
	e.metrics = m
	numbers := 0
	for i := range m {
		numbers += max(1, len(m[i].Samples))
	}
	return abi.Memory{Numbers: make([]int64, numbers), Marks: make([]uint64, numbers/64+1), Groups: make([]uint64, numbers/64/64+1)}, e.err
}

func (e *envoy) load(name, raw string, client error) (*hosted, error) {
	newClient := func(upstream.Settings) (upstream.Client, error) { return nil, client }
	l := loader{log: e.log(), newClient: newClient, threads: &threads{}}
	l.told.Do(func() {}) // TestLoadedIsSaidOnce
	return l.filter(e.define, name, []byte(raw))
}

func TestRefused(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, raw       string
		define, client  error
		lines, contains []string
		least           int
	}{
		{name: "empty", raw: " ", least: 1, contains: []string{"4 kafka_mesh: configuration refused: "}},
		{
			name: "two mistakes, two lines", least: 2,
			raw:      strings.NewReplacer("target_cluster: c1", "target_cluster: c2", "9092", "-1").Replace(valid),
			contains: []string{"configuration refused: ", " filter=orders"},
		},
		{
			name: "metrics", raw: valid, define: errors.New("no room"),
			lines: []string{"4 kafka_mesh: configuration refused: no room filter=orders"},
		},
		{
			name: "client", raw: valid, client: errors.New("a\nb"),
			lines: []string{
				"4 kafka_mesh: configuration refused: upstream cluster c1: a filter=orders",
				"4 kafka_mesh: configuration refused: b filter=orders",
			},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e := &envoy{err: tt.define}
			if _, err := e.load("orders", tt.raw, tt.client); err == nil {
				t.Fatal("load succeeded")
			}
			if tt.lines != nil {
				if diff := cmp.Diff(tt.lines, e.lines); diff != "" {
					t.Errorf("log (-want +got):\n%s", diff)
				}
			}
			if len(e.lines) < tt.least {
				t.Errorf("logged %q, want %d lines", e.lines, tt.least)
			}
			for _, line := range e.lines {
				for _, part := range tt.contains {
					if !strings.Contains(line, part) {
						t.Errorf("log line %q lacks %q", line, part)
					}
				}
			}
		})
	}
}

func TestLoadedIsSaidOnce(t *testing.T) {
	t.Parallel()
	e := &envoy{}
	l := loader{log: e.log()}
	for range 2 {
		_, _ = l.filter(e.define, "", nil)
	}
	said := strings.Join(e.lines, "\n")
	if !strings.HasPrefix(said, "2 kafka_mesh: loaded version=") || strings.Count(said, "loaded") != 1 {
		t.Errorf("log %q, want one line that says what was loaded, first", said)
	}
	for _, part := range []string{" commit=", " go=go1.", " sarama="} {
		if !strings.Contains(e.lines[0], part) {
			t.Errorf("%q lacks %q", e.lines[0], part)
		}
	}
}

func TestMetricsAreThoseOfTheTable(t *testing.T) {
	t.Parallel()
	e := &envoy{}
	_, _ = e.load("", valid, errors.New("enough"))
	c, err := config.Parse([]byte(valid))
	if err != nil {
		t.Fatal(err)
	}
	table := filter.Metrics(c)
	if len(e.metrics) != len(table) {
		t.Fatalf("%d metrics, want %d", len(e.metrics), len(table))
	}
	for i, m := range table {
		kind := map[stats.Kind]abi.Kind{stats.Counter: abi.Counter, stats.Gauge: abi.Gauge, stats.Histogram: abi.Histogram}[m.Kind]
		if m.Level {
			kind = abi.SetGauge
		}
		if got := e.metrics[i]; got.Name != m.Name || got.Kind != kind || max(1, len(got.Samples)) != m.Slots() {
			t.Errorf("metric %d = %v, want a %s called %s of %d numbers", i, got, m.Kind, m.Name, m.Slots())
		}
	}
}

func TestPanicked(t *testing.T) {
	t.Parallel()
	e := &envoy{}
	h := &hosted{stats: statstest.New(), log: e.log()}
	h.Panicked("boom", []byte("line 1\nline 2"))
	want := []string{"4 kafka_mesh: panic recovered; please report it panic=boom stack=line 1\nline 2"}
	if diff := cmp.Diff(want, e.lines); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
	for _, s := range h.stats.Read() {
		if want := map[bool]int64{true: 1}[s.Name == "panics_recovered"]; s.Value != want {
			t.Errorf("%s = %d, want %d", s.Name, s.Value, want)
		}
	}
}

func TestPeer(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		in   abi.Peer
		want session.Peer
	}{
		{
			"all",
			abi.Peer{RemoteHost: "10.0.0.1", RemotePort: 4000, LocalHost: "10.0.0.2", LocalPort: 9092, ServerName: "kafka", Encrypted: true},
			session.Peer{Remote: "10.0.0.1:4000", LocalHost: "10.0.0.2", LocalPort: 9092, ServerName: "kafka", Encrypted: true},
		},
		{"IPv6", abi.Peer{RemoteHost: "::1", RemotePort: 4000}, session.Peer{Remote: "[::1]:4000"}},
		{"nothing known", abi.Peer{}, session.Peer{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := peer(tt.in); got != tt.want {
				t.Errorf("peer(%v) = %v, want %v", tt.in, got, tt.want)
			}
		})
	}
}

func TestLog(t *testing.T) {
	t.Parallel()
	e := &envoy{}
	log := e.log()
	log.Debug("not enabled")
	log.Info("a b", "k", 1, "text", "x y", "empty", "", slog.Group("g", "in", true))
	log.With("worker", 2).WithGroup("grp").Warn("w", "k", errors.New("bad\nthing"))
	log.Error("e", slog.Attr{})
	want := []string{
		`2 kafka_mesh: a b k=1 text="x y" empty="" g.in=true`,
		`3 kafka_mesh: w worker=2 grp.k="bad\nthing"`,
		`4 kafka_mesh: e`,
	}
	if diff := cmp.Diff(want, e.lines); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
}
