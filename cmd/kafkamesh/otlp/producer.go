package otlp

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/version"
)

// namespace stands before every metric.
const namespace = "kafkamesh."

// producer reads the metrics when the SDK asks for them. It is called on a goroutine of the SDK's.
type producer struct {
	read    func() []stats.Sample
	started time.Time
	log     *slog.Logger
}

// Produce implements metric.Producer. A panic would end the process; it is told of, and nothing is sent that time.
func (p producer) Produce(context.Context) (scopes []metricdata.ScopeMetrics, err error) {
	defer func() {
		if reason := recover(); reason != nil {
			scopes, err = nil, nil
			p.log.Error("panic recovered; please report it", "in", "open_telemetry", "panic", fmt.Sprint(reason), "stack", string(debug.Stack()))
		}
	}()
	scope := instrumentation.Scope{Name: "github.com/kafkamesh/envoy-kafka-mesh", Version: version.Current().Version}
	return []metricdata.ScopeMetrics{{Scope: scope, Metrics: families(p.read(), p.started, time.Now())}}, nil
}

// families are samples as OTLP has them: those of a family are one metric with several points.
func families(samples []stats.Sample, started, now time.Time) []metricdata.Metrics {
	var all []metricdata.Metrics
	places := map[string]int{}
	for i := range samples {
		s := &samples[i]
		if s.Rare && s.IsZero() {
			continue
		}
		at, ok := places[s.Family]
		if !ok {
			at = len(all)
			places[s.Family] = at
			all = append(all, metricdata.Metrics{Name: namespace + s.Family, Description: s.Help, Unit: unit(s.Unit)})
		}
		all[at].Data = with(all[at].Data, s, started, now)
	}
	return all
}

// with adds a sample to the points of its family, which may be nil.
//
//nolint:ireturn // as the SDK has it
func with(points metricdata.Aggregation, s *stats.Sample, started, now time.Time) metricdata.Aggregation {
	attributes := make([]attribute.KeyValue, len(s.Labels))
	for i, l := range s.Labels {
		attributes[i] = attribute.String(l.Name, l.Value)
	}
	set := attribute.NewSet(attributes...)
	switch s.Kind {
	case stats.Histogram:
		histogram, _ := points.(metricdata.Histogram[int64])
		histogram.Temporality = metricdata.CumulativeTemporality
		histogram.DataPoints = append(histogram.DataPoints, buckets(s.Sizes, set, started, now))
		return histogram
	case stats.Gauge:
		gauge, _ := points.(metricdata.Gauge[int64])
		gauge.DataPoints = append(gauge.DataPoints, metricdata.DataPoint[int64]{Attributes: set, Time: now, Value: s.Value})
		return gauge
	default:
		sum, _ := points.(metricdata.Sum[int64])
		sum.Temporality, sum.IsMonotonic = metricdata.CumulativeTemporality, true
		sum.DataPoints = append(sum.DataPoints, metricdata.DataPoint[int64]{Attributes: set, StartTime: started, Time: now, Value: s.Value})
		return sum
	}
}

// buckets are a histogram's counts between the bounds of stats.
func buckets(sizes *stats.Sizes, set attribute.Set, started, now time.Time) metricdata.HistogramDataPoint[int64] {
	point := metricdata.HistogramDataPoint[int64]{
		Attributes: set, StartTime: started, Time: now, Count: uint64(sizes.Count()), Sum: sizes.Sum,
	}
	var before int64
	for _, largest := range stats.Bounds() {
		below := sizes.Below(largest + 1)
		point.Bounds = append(point.Bounds, float64(largest))
		point.BucketCounts = append(point.BucketCounts, uint64(below-before))
		before = below
	}
	point.BucketCounts = append(point.BucketCounts, point.Count-uint64(before))
	return point
}

// unit is a unit by UCUM, as OpenTelemetry has it.
func unit(of string) string {
	switch of {
	case "bytes":
		return "By"
	case "seconds":
		return "s"
	case "milliseconds":
		return "ms"
	case "microseconds":
		return "us"
	case "0 or 1":
		return "1"
	default:
		return "{" + of + "}" // what is counted
	}
}
