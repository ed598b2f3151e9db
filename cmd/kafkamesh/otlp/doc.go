// Package otlp sends metrics to an OpenTelemetry collector, by OTLP over HTTP and with OpenTelemetry's own SDK.
//
// What is sent is read from the one table of metrics when it is sent (producer.go): nothing is counted twice, and nothing is counted for it.
// A metric is called as in docs/metrics.md behind "kafkamesh.", without what its labels say; those are its attributes. Counters and histograms
// are cumulative, so that an export that fails loses nothing.
//
// Only the plain binary imports it: what it is made with is large. Where the next line goes: what is sent, producer.go; how, and what the log
// says of it, exporter.go.
package otlp
