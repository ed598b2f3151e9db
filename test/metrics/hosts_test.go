package metrics

import (
	"encoding/json"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats"
	"github.com/kafkamesh/envoy-kafka-mesh/test/rawkafka"
	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// source is where a host shows its metrics.
type source struct {
	name string
	read func() (shown, error)
}

// look reads what is shown.
func (w *world) look(from source) (shown, error) {
	if w.looks++; w.shows != nil && w.looks%2 == 1 { // what the visit itself counts is shown after it
		w.shows()
	}
	return from.read()
}

// visit is a client that has Envoy 1.38 show what has been counted: there it is shown only when a client comes, says something, or goes.
func (w *world) visit() {
	c := w.connect()
	c.ask(versioned(rawkafka.APIVersions("", ""), 0))
	stack.Check(w.t, c.CloseWrite())
	c.WantFIN()
}

// namespace is that of the tests' filters.
const namespace = "kafkamesh."

// startEnvoy starts the mesh in an Envoy that makes labels as docs/operations.md says.
func startEnvoy(t *testing.T, w *world, version string) (*stack.EnvoyProcess, []source) {
	t.Helper()
	return startEnvoyWith(t, w, version, stack.Bootstrap(w.addr, stack.AsString(w.text())))
}

// startEnvoyWith is startEnvoy with a bootstrap, but for its statistics.
func startEnvoyWith(t *testing.T, w *world, version, bootstrap string, args ...string) (*stack.EnvoyProcess, []source) {
	t.Helper()
	bootstrap += "stats_flush_on_admin: true\n" + documentedTags(t)
	e := stack.Envoy(t, stack.EnvoyOptions{Version: version, Config: bootstrap, Args: args})
	stack.Check(t, stack.WaitDial(t.Context(), w.addr))
	w.add("connections", 1) // that was one
	w.add("clients.unnamed.connections", 1)
	page := func(path string) (string, error) {
		return stack.Page(t.Context(), http.MethodGet, "http://"+e.Admin()+path)
	}
	if strings.HasPrefix(version, "1.38.") {
		w.shows = w.visit
	}
	return e, []source{
		{"/stats", func() (shown, error) {
			text, err := page("/stats?format=json&histogram_buckets=detailed&filter=^kafkamesh")
			if err != nil {
				return shown{}, err
			}
			return ofEnvoy(text)
		}},
		{"/stats/prometheus", func() (shown, error) {
			text, err := page("/stats/prometheus?filter=^kafkamesh")
			if err != nil {
				return shown{}, err
			}
			s := ofPrometheus(w.table, text)
			s.sums, s.blur = true, 1./8
			return s, nil
		}},
		own(w, func() string { return w.admin }),
	}
}

// documentedTags is the part of a bootstrap by which Envoy makes labels.
func documentedTags(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/operations.md")
	stack.Check(t, err)
	_, rest, _ := strings.Cut(string(text), "```yaml\nstats_config:\n")
	tags, _, found := strings.Cut(rest, "```")
	if !found {
		t.Fatal("docs/operations.md does not say how to make labels")
	}
	return "stats_config:\n" + tags
}

// ofEnvoy reads what Envoy shows as JSON.
func ofEnvoy(text string) (shown, error) {
	var all struct {
		Stats []struct {
			Name       string
			Value      float64
			Histograms struct {
				Details []struct {
					Name   string
					Totals []struct{ Count float64 }
				}
			}
		}
	}
	if err := json.Unmarshal([]byte(text), &all); err != nil {
		return shown{}, err
	}
	s := shown{numbers: map[string]number{}}
	for _, m := range all.Stats {
		for _, h := range m.Histograms.Details {
			n := number{}
			for _, bucket := range h.Totals {
				n.value += bucket.Count
			}
			s.numbers[strings.TrimPrefix(h.Name, namespace)] = n
		}
		if m.Name != "" {
			s.numbers[strings.TrimPrefix(m.Name, namespace)] = number{value: m.Value}
		}
	}
	return s, nil
}

// aSeries is a line of Prometheus' format, without those of buckets.
var aSeries = regexp.MustCompile(`(?m)^(envoy_kafkamesh_\w+?)(_sum|_count)?(?:\{(.*)\})? (\S+)$`)

// ofPrometheus reads what is shown in Prometheus' format. What is not in the table is shown by its own name.
func ofPrometheus(table stats.Table, text string) shown {
	names := map[string]string{}
	for i := range table {
		names[series(&table[i])] = table[i].Name
	}
	s := shown{numbers: map[string]number{}}
	for _, m := range aSeries.FindAllStringSubmatch(text, -1) {
		family, part, labels := m[1], m[2], sortedLabels(m[3])
		if strings.HasSuffix(family, "_bucket") {
			continue
		}
		value, err := strconv.ParseFloat(m[4], 64)
		if err != nil {
			continue // the line is a comment
		}
		name, known := names[family+"{"+labels+"}"]
		if !known {
			if name, known = names[family+part+"{"+labels+"}"]; !known {
				name = family + part + "{" + labels + "}"
			}
			part = ""
		}
		n := s.numbers[name]
		if part == "_sum" {
			n.sum = value
		} else {
			n.value = value
		}
		s.numbers[name] = n
	}
	return s
}

// series is how Prometheus has a metric.
func series(m *stats.Metric) string {
	labels := make([]string, 0, len(m.Labels))
	for _, l := range m.Labels {
		labels = append(labels, l.Name+"="+strconv.Quote(l.Value))
	}
	return "envoy_kafkamesh_" + strings.ReplaceAll(m.Family, ".", "_") + "{" + sortedLabels(strings.Join(labels, ",")) + "}"
}

// sortedLabels are labels in the order of their names. No value has a comma.
func sortedLabels(labels string) string {
	all := strings.Split(labels, ",")
	slices.Sort(all)
	return strings.Join(all, ",")
}

// startPlain starts the plain binary, which shows its metrics as long as it runs, and when it ends.
func startPlain(t *testing.T, w *world) (s *stack.StandaloneProcess, running, end source) {
	t.Helper()
	s = stack.Standalone(t, &stack.Mesh{Addr: w.addr, Text: w.text()})
	w.add("connections", 1) // whoever waits until it accepts connections
	w.add("clients.unnamed.connections", 1)
	end = source{"what is printed at the end", func() (shown, error) { return ofEnd(s.Log()), nil }}
	return s, own(w, s.Admin), end
}

// own is what the mesh shows itself, at an address.
func own(w *world, address func() string) source {
	return source{"/metrics of the mesh", func() (shown, error) {
		text, err := stack.Page(w.t.Context(), http.MethodGet, "http://"+address()+"/metrics")
		s := ofPrometheus(w.table, text)
		s.rare, s.sums = true, true
		return s, err
	}}
}

// aLine is one of those that the plain binary prints when it ends.
var aLine = regexp.MustCompile(`(?m)^  (\S+) +(-?\d+) (?:times, |\w+$)`)

// ofEnd reads what the plain binary prints when it ends.
func ofEnd(log string) shown {
	s := shown{numbers: map[string]number{}, zeroes: true, ended: true}
	_, metrics, _ := strings.Cut(log, "metrics, those that are not zero:\n")
	for _, m := range aLine.FindAllStringSubmatch(metrics, -1) {
		value, err := strconv.ParseFloat(m[2], 64)
		if err == nil { // digits
			s.numbers[m[1]] = number{value: value}
		}
	}
	return s
}
