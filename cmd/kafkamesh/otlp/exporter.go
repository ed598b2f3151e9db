package otlp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"
	semconv "go.opentelemetry.io/otel/semconv/v1.37.0"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/config"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/dial"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/version"
)

// exportTimeout bounds one export, and lastTimeout the one at the end.
const (
	exportTimeout = 10 * time.Second
	lastTimeout   = time.Second
)

// Exporter sends metrics again and again.
type Exporter struct{ provider *metric.MeterProvider }

// Start begins to send what read reads to a collector, until Close. read is called on another goroutine. started is when counting began.
func Start(ctx context.Context, c *config.OpenTelemetry, started time.Time, read func() []stats.Sample, log *slog.Logger) (*Exporter, error) {
	u, err := url.Parse(c.Endpoint)
	if err != nil {
		return nil, fmt.Errorf("the collector's URL: %w", err)
	}
	transport, err := newTransport(c, u.Hostname())
	if err != nil {
		return nil, err
	}
	to, err := otlpmetrichttp.New(ctx,
		otlpmetrichttp.WithEndpointURL(c.Endpoint),
		otlpmetrichttp.WithHTTPClient(&http.Client{Transport: transport, Timeout: exportTimeout, CheckRedirect: stay}),
		otlpmetrichttp.WithRetry(otlpmetrichttp.RetryConfig{}), // the next export has all that this one had
	)
	if err != nil {
		return nil, fmt.Errorf("the collector: %w", err)
	}
	log = log.With("collector", u.Host)
	reader := metric.NewPeriodicReader(&teller{Exporter: to, transport: transport, log: log},
		metric.WithInterval(c.Interval), metric.WithTimeout(exportTimeout), metric.WithProducer(producer{read, started, log}))
	return &Exporter{metric.NewMeterProvider(metric.WithReader(reader), metric.WithResource(self()))}, nil
}

// stay keeps headers, which may be secrets, from whoever an answer leads to: the collector is who the configuration says.
func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// TellErrors has what the SDK would print go to a log. It is one for the whole process.
func TellErrors(log *slog.Logger) {
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
		if !errors.Is(err, context.Canceled) { // which is how it says that it ends
			log.Warn("OpenTelemetry", "error", err)
		}
	}))
}

// Close sends the metrics a last time.
func (e *Exporter) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), lastTimeout)
	defer cancel()
	_ = e.provider.Shutdown(ctx) // what could not be sent, teller has said
}

// self says what sends: OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES of the environment have the last word.
func self() *resource.Resource {
	ours := resource.NewSchemaless(semconv.ServiceName("kafkamesh"), semconv.ServiceVersion(version.Current().Version))
	merged, err := resource.Merge(ours, resource.Environment())
	if err != nil { // schemas that differ
		return ours
	}
	return merged
}

// transport adds headers to each request, read anew, and keeps the status of the last answer. One request is made at a time.
type transport struct {
	*http.Transport

	headers []config.Header
	status  string // empty: there was no answer
}

func newTransport(c *config.OpenTelemetry, host string) (*transport, error) {
	inner := http.DefaultTransport.(*http.Transport).Clone()
	secured, problems := c.TLS.Load(host, time.Now())
	for _, p := range problems {
		if !p.Warning {
			return nil, fmt.Errorf("the collector's authorities: %w", p)
		}
	}
	inner.TLSClientConfig = secured
	return &transport{Transport: inner, headers: c.Headers}, nil
}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	t.status = ""
	r = r.Clone(r.Context()) // it is not ours to change
	for _, h := range t.headers {
		value, err := dial.Secret(h.Value, "the header "+h.Name)
		if err != nil {
			return nil, fmt.Errorf("header %s: %w", h.Name, err)
		}
		r.Header.Set(h.Name, value)
	}
	resp, err := t.Transport.RoundTrip(r)
	if err == nil {
		t.status = resp.Status
	}
	return resp, err
}

// teller logs when exports begin to fail and when they work again, and nothing between. The SDK calls Export for one at a time.
type teller struct {
	metric.Exporter

	transport *transport
	log       *slog.Logger
	failed    time.Time // since when; zero: it works
	tried     int
}

// Export implements metric.Exporter. It has told of what fails: the SDK would print it each time.
func (t *teller) Export(ctx context.Context, m *metricdata.ResourceMetrics) error {
	err := t.Exporter.Export(ctx, m)
	switch {
	case errors.Is(ctx.Err(), context.Canceled): // it ends, and what was on its way is sent once more
	case err != nil && t.failed.IsZero():
		t.failed, t.tried = time.Now(), 1
		t.log.Warn("metrics cannot be sent; trying on", "status", t.transport.status, "error", err)
	case err != nil:
		t.tried++
	case !t.failed.IsZero():
		t.log.Info("metrics can be sent again", "after", time.Since(t.failed).Round(time.Second), "failures", t.tried)
		t.failed = time.Time{}
	}
	return nil
}
