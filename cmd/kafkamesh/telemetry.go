package main

import (
	"context"
	"log/slog"
	"reflect"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/cmd/kafkamesh/otlp"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/config"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats"
)

// telemetry sends a server's metrics to the collector that its configuration names, if any.
type telemetry struct {
	log     *slog.Logger
	read    func() []stats.Sample
	started time.Time

	exporter *otlp.Exporter        // nil: nothing is sent
	to       *config.OpenTelemetry // what it was started with
}

// move has metrics sent where a configuration says. With an error they are sent where they were.
func (t *telemetry) move(ctx context.Context, c *config.Config) error {
	if reflect.DeepEqual(c.OpenTelemetry, t.to) {
		return nil
	}
	var next *otlp.Exporter
	if c.OpenTelemetry != nil {
		otlp.TellErrors(t.log)
		var err error
		if next, err = otlp.Start(ctx, c.OpenTelemetry, t.started, t.read, t.log); err != nil {
			return err
		}
		t.log.Info("metrics are sent", "collector", c.OpenTelemetry.Endpoint, "interval", c.OpenTelemetry.Interval)
	}
	t.close()
	t.exporter, t.to = next, c.OpenTelemetry
	return nil
}

// close sends what is there a last time.
func (t *telemetry) close() {
	if t.exporter != nil {
		t.exporter.Close()
	}
}
