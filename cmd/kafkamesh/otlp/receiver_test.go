package otlp_test

import (
	"crypto/tls"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	colpb "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"

	"github.com/kafkamesh/envoy-kafka-mesh/cmd/kafkamesh/otlp"
)

func TestMain(m *testing.M) {
	otlp.TellErrors(slog.New(slog.DiscardHandler))
	goleak.VerifyTestMain(m)
}

// receiver plays a collector.
type receiver struct {
	*httptest.Server

	mu      sync.Mutex
	more    *sync.Cond
	got     []export
	refused bool // it answers that it cannot
}

// export is one request.
type export struct {
	path     string
	header   http.Header
	resource map[string]string
	metrics  []*metricspb.Metric
}

// newReceiver starts one, with TLS if a certificate is given, until the test ends.
func newReceiver(t *testing.T, certificates ...tls.Certificate) *receiver {
	t.Helper()
	r := &receiver{}
	r.more = sync.NewCond(&r.mu)
	r.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) { r.take(t, w, req) }))
	if len(certificates) > 0 {
		r.TLS = &tls.Config{Certificates: certificates}
		r.StartTLS()
	} else {
		r.Start()
	}
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) take(t *testing.T, w http.ResponseWriter, req *http.Request) {
	t.Helper()
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return // who sends has gone
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	defer r.more.Broadcast()
	e := export{path: req.Method + " " + req.URL.Path, header: req.Header}
	if r.refused {
		r.got = append(r.got, e)
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	m := &colpb.ExportMetricsServiceRequest{}
	if err := proto.Unmarshal(body, m); err != nil {
		t.Errorf("the body is no request: %v", err)
	}
	for _, of := range m.GetResourceMetrics() {
		e.resource = attributes(of.GetResource())
		for _, scope := range of.GetScopeMetrics() {
			e.metrics = append(e.metrics, scope.GetMetrics()...)
		}
	}
	r.got = append(r.got, e)
	answer, _ := proto.Marshal(&colpb.ExportMetricsServiceResponse{}) // it is empty
	w.Header().Set("Content-Type", "application/x-protobuf")
	_, _ = w.Write(answer)
}

// refuse has exports to come answered that they cannot be taken, or taken.
func (r *receiver) refuse(refused bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refused = refused
}

// wait waits for an export that is as it should be.
func (r *receiver) wait(is func(export) bool) export {
	r.mu.Lock()
	defer r.mu.Unlock()
	for {
		if i := slices.IndexFunc(r.got, is); i >= 0 {
			return r.got[i]
		}
		r.more.Wait()
	}
}

// waitFor waits for n more exports.
func (r *receiver) waitFor(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for n += len(r.got); len(r.got) < n; {
		r.more.Wait()
	}
}

func attributes(of *resourcepb.Resource) map[string]string {
	all := map[string]string{}
	for _, a := range of.GetAttributes() {
		all[a.GetKey()] = a.GetValue().GetStringValue()
	}
	return all
}

// metric is one by its name, or nil.
func (e export) metric(name string) *metricspb.Metric {
	for _, m := range e.metrics {
		if m.GetName() == name {
			return m
		}
	}
	return nil
}

// log is one that others write into.
type log struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
