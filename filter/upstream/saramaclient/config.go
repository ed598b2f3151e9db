package saramaclient

import (
	"time"

	"github.com/IBM/sarama"
	"github.com/rcrowley/go-metrics"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream"
)

// newConfig says what sarama is to do for us. It never produces, so its producer stays as it is.
func newConfig(s upstream.Settings) *sarama.Config {
	silenced.Do(func() {
		sarama.PanicHandler = func(any) {} // the call that panicked fails: its connection never answers
	})
	config := sarama.NewConfig()
	config.ClientID = s.ClientID
	config.Version = sarama.V4_0_0_0 // the newest it may speak; the broker's own versions lower it
	config.Net.DialTimeout = 10 * time.Second
	config.Net.ReadTimeout = 10 * time.Second // of one answer while connecting, and of one metadata answer
	config.Net.WriteTimeout = 10 * time.Second
	config.MetricRegistry = noMetrics{metrics.NewRegistry()}
	return config
}

// noMetrics is a registry whose meters, counters and histograms do nothing: go-metrics would start a goroutine that
// never ends.
type noMetrics struct{ metrics.Registry }

// GetOrRegister returns a metric of the kind that the constructor makes, but one that forgets.
func (noMetrics) GetOrRegister(_ string, constructor any) any {
	switch constructor.(type) {
	case func() metrics.Meter:
		return metrics.NilMeter{}
	case func() metrics.Counter:
		return metrics.NilCounter{}
	case func() metrics.Histogram:
		return metrics.NilHistogram{}
	default:
		return constructor
	}
}

// Register forgets the metric.
func (noMetrics) Register(string, any) error { return nil }
