package config

import (
	"net/url"
	"strings"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/dial"
	kafkameshv1 "github.com/kafkamesh/envoy-kafka-mesh/proto/kafkamesh/v1"
)

// The time between two exports to a collector, in milliseconds.
const (
	defaultExportMs = 60_000
	minExportMs     = 1000
	maxExportMs     = 3_600_000
)

// OpenTelemetry is where metrics are sent by OTLP over HTTP.
type OpenTelemetry struct {
	// Endpoint is the URL that metrics are posted to, /v1/metrics at its end.
	Endpoint string
	// Interval is the time between two exports.
	Interval time.Duration
	// Headers are sent with each export. No two have the same name.
	Headers []Header
	// TLS is how the collector is verified when Endpoint is https.
	TLS dial.TLS
}

// Header is one of an HTTP request.
type Header struct {
	Name string
	// Value is read again for each request.
	Value dial.Source
}

// openTelemetry checks open_telemetry and fills c.OpenTelemetry.
func (c *Config) openTelemetry(bad *mistakes, m *kafkameshv1.OpenTelemetry) {
	if m == nil {
		return
	}
	const at = "open_telemetry"
	c.EnvoyWarnings = append(c.EnvoyWarnings, &Remark{Path: at, Text: "has no effect in Envoy; have the collector read the metrics from Envoy, or from admin"})
	interval := limit(bad, join(at, "interval_ms"), m.IntervalMs, defaultExportMs, minExportMs, maxExportMs)
	o := &OpenTelemetry{Interval: time.Duration(interval) * time.Millisecond}
	c.OpenTelemetry = o
	endpoint := collector(bad, join(at, "endpoint"), m.GetEndpoint())
	if endpoint != nil {
		o.Endpoint = endpoint.String()
	}
	for i, h := range m.GetHeaders() {
		o.Headers = append(o.Headers, header(bad, index(join(at, "headers"), i), h, o.Headers))
	}
	if endpoint != nil && len(o.Headers) > 0 && endpoint.Scheme == "http" && !isLoopback(endpoint.Host) && !isLoopback(endpoint.Host+":80") {
		c.warn(join(at, "headers"), "are sent in plain text; write an https:// URL into endpoint if they hold a secret")
	}
	ca := join(at, "ca")
	o.TLS.CA = dataSource(bad, ca, m.GetCa())
	if !o.TLS.CA.IsZero() && endpoint != nil && endpoint.Scheme == "http" {
		bad.add(ca, "has no effect with an http:// URL in endpoint; write https://, or remove this")
		return
	}
	_, problems := o.TLS.Load("", time.Now())
	for _, p := range problems {
		if p.Warning {
			c.warn(ca, "%s", p.Message)
		} else {
			bad.add(ca, "%s", p.Message)
		}
	}
}

// pathOTLP is where a collector takes metrics.
const pathOTLP = "/v1/metrics"

// collector is the URL to post to, or nil if s cannot be one. No message shows s: a login may be in it.
func collector(bad *mistakes, path, s string) *url.URL {
	if s == "" {
		bad.add(path, "missing; write the collector's URL, such as http://127.0.0.1:4318")
		return nil
	}
	u, err := url.Parse(s)
	switch {
	case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "", u.Port() == "0":
		bad.add(path, "is no URL of a collector; write http://HOST:PORT or https://HOST:PORT, such as http://127.0.0.1:4318")
		return nil
	case u.User != nil:
		bad.add(path, "has a login in it, which would get into logs; write it into headers, as authorization")
		return nil
	case u.RawQuery != "" || u.Fragment != "":
		bad.add(path, "has a part behind ? or #; write the URL without it")
		return nil
	}
	u.Path = strings.TrimSuffix(strings.TrimSuffix(u.Path, "/"), pathOTLP) + pathOTLP
	return u
}

// header reads one of headers. earlier are those before it.
func header(bad *mistakes, at string, m *kafkameshv1.Header, earlier []Header) Header {
	h := Header{Name: m.GetName(), Value: dataSource(bad, join(at, "value"), m.GetValue())}
	name := join(at, "name")
	switch {
	case h.Name == "":
		bad.add(name, "missing; write the header's name, such as authorization")
	case strings.ContainsFunc(h.Name, notInHeaderName):
		bad.add(name, "is not the name of a header; write letters, digits and dashes, and what it is to say into value")
	case strings.EqualFold(h.Name, "content-type"), strings.EqualFold(h.Name, "content-encoding"), strings.EqualFold(h.Name, "content-length"):
		bad.add(name, "%s is set by whatever is sent; remove it", quote(h.Name))
	}
	for i, other := range earlier {
		if h.Name != "" && strings.EqualFold(h.Name, other.Name) {
			bad.add(name, "%s is the name of headers[%d] already; remove one of the two", quote(h.Name), i)
		}
	}
	text, err := dial.Secret(h.Value, "a header")
	if err != nil {
		bad.add(join(at, "value"), "%s", strings.Replace(err.Error(), "missing; a header needs it", "missing; write {inline_string: …}, {filename: PATH} or {environment_variable: NAME}", 1))
	} else if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
		bad.add(join(at, "value"), "has a line end or another control character in it; write one line")
	}
	return h
}

// notInHeaderName tells whether a character cannot be part of the name of a header: RFC 9110 calls the others tchar.
func notInHeaderName(r rune) bool {
	return !isHostRune(r) && !strings.ContainsRune("!#$%&'*+^`|~", r)
}

// dataSource reads a field that is a DataSource.
func dataSource(bad *mistakes, path string, d *kafkameshv1.DataSource) dial.Source {
	source := dial.Source{
		File: d.GetFilename(), Env: d.GetEnvironmentVariable(), Inline: d.GetInlineString() + string(d.GetInlineBytes()),
	}
	if d != nil && source.IsZero() {
		bad.unreadable(path, "is empty; write filename, environment_variable or inline_string into it")
	}
	return source
}
