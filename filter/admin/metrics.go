package admin

import (
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats"
)

// namespace stands before every metric: with it, the names are those that Envoy's own /stats/prometheus has with the stats_tags of
// docs/operations.md, so that one dashboard serves all hosts.
const namespace = "envoy_kafkamesh_"

// collector gives the metrics of a board's meshes to Prometheus.
type collector struct{ board *Board }

var _ prometheus.Collector = collector{}

// metricsHandler answers /metrics; with process, the metrics of Go's runtime and of the process are there too.
func metricsHandler(b *Board, process bool) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collector{b})
	if process {
		registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	}
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError, MaxRequestsInFlight: maxScrapes})
}

// maxScrapes is how many may ask for metrics at a time.
const maxScrapes = 4

// Describe says nothing: which metrics there are changes with the meshes.
func (c collector) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector. It is called on a goroutine of the library's.
func (c collector) Collect(to chan<- prometheus.Metric) {
	defer c.board.recover("collect")
	samples := c.board.Samples()
	for i := range samples {
		s := &samples[i]
		if s.Rare && s.IsZero() {
			continue
		}
		to <- metric(s)
	}
}

// metric is a sample as Prometheus has it. The library escapes the values of labels.
//
//nolint:ireturn // as the library has it
func metric(s *stats.Sample) prometheus.Metric {
	var names, values []string
	for _, l := range s.Labels {
		names, values = append(names, l.Name), append(values, strings.ToValidUTF8(l.Value, "\uFFFD"))
	}
	d := prometheus.NewDesc(namespace+strings.ReplaceAll(s.Family, ".", "_"), s.Help, names, nil)
	var m prometheus.Metric
	var err error
	switch s.Kind {
	case stats.Histogram:
		buckets := map[float64]uint64{}
		for _, largest := range stats.Bounds() {
			buckets[float64(largest)] = uint64(s.Sizes.Below(largest + 1))
		}
		m, err = prometheus.NewConstHistogram(d, uint64(s.Sizes.Count()), float64(s.Sizes.Sum), buckets, values...)
	case stats.Gauge:
		m, err = prometheus.NewConstMetric(d, prometheus.GaugeValue, float64(s.Value), values...)
	default:
		m, err = prometheus.NewConstMetric(d, prometheus.CounterValue, float64(s.Value), values...)
	}
	if err != nil { // shown with the others' in the log of who asks
		return prometheus.NewInvalidMetric(prometheus.NewInvalidDesc(err), err)
	}
	return m
}
