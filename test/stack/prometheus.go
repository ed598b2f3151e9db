package stack

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// PrometheusOptions describes a Prometheus that scrapes every second.
type PrometheusOptions struct {
	Targets []PrometheusTarget
	Rules   string // a file with alerts; none if empty
}

// PrometheusTarget is a page of metrics.
type PrometheusTarget struct {
	Job, Addr, Path string
}

// PrometheusProcess is a running Prometheus.
type PrometheusProcess struct {
	*Process

	addr, dir string
}

// StartPrometheus starts Prometheus and waits until it is ready.
func StartPrometheus(ctx context.Context, o PrometheusOptions) (*PrometheusProcess, error) {
	programs, err := Prometheus(ctx)
	if err != nil {
		return nil, err
	}
	addr, err := FreeAddr()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "prometheus-")
	if err != nil {
		return nil, err
	}
	p := &PrometheusProcess{addr: addr, dir: dir}
	file := filepath.Join(dir, "prometheus.yaml")
	if err := os.WriteFile(file, []byte(o.config()), 0o600); err != nil {
		return nil, err
	}
	p.Process, err = startProcess("Prometheus", exec.Command(filepath.Join(programs, "prometheus"),
		"--config.file="+file, "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+addr, "--log.level=warn"))
	if err != nil {
		return nil, err
	}
	if err := p.wait(ctx, "being ready", func(ctx context.Context) error {
		_, err := Page(ctx, http.MethodGet, "http://"+addr+"/-/ready")
		return err
	}); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

// Series is what Prometheus says of one.
type Series struct {
	Labels map[string]string
	Points []Point
}

// Point is one value at one time.
type Point struct {
	At    time.Time
	Value float64
}

// Query asks for the values of an expression now.
func (p *PrometheusProcess) Query(ctx context.Context, expr string) ([]Series, error) {
	return p.ask(ctx, "/api/v1/query?"+url.Values{"query": {expr}}.Encode())
}

// QueryRange asks for the values of an expression at steps of a second.
func (p *PrometheusProcess) QueryRange(ctx context.Context, expr string, from, to time.Time) ([]Series, error) {
	return p.ask(ctx, "/api/v1/query_range?"+url.Values{
		"query": {expr}, "start": {strconv.FormatInt(from.Unix(), 10)}, "end": {strconv.FormatInt(to.Unix(), 10)}, "step": {"1"},
	}.Encode())
}

// Close stops Prometheus and removes its files.
func (p *PrometheusProcess) Close() {
	p.Stop()
	_ = os.RemoveAll(p.dir) // in the system's directory for temporary files
}

func (p *PrometheusProcess) ask(ctx context.Context, path string) ([]Series, error) {
	page, err := Page(ctx, http.MethodGet, "http://"+p.addr+path)
	if err != nil {
		return nil, err
	}
	var answer struct {
		Data struct {
			Result []struct {
				Metric map[string]string
				Value  *point
				Values []point
			}
		}
	}
	if err := json.Unmarshal([]byte(page), &answer); err != nil {
		return nil, fmt.Errorf("Prometheus says %q: %w", page, err)
	}
	all := make([]Series, 0, len(answer.Data.Result))
	for _, r := range answer.Data.Result {
		s := Series{Labels: r.Metric}
		if r.Value != nil {
			r.Values = append(r.Values, *r.Value)
		}
		for _, v := range r.Values {
			s.Points = append(s.Points, Point(v))
		}
		all = append(all, s)
	}
	return all, nil
}

func (o PrometheusOptions) config() string {
	var b strings.Builder
	b.WriteString("global: {scrape_interval: 1s, evaluation_interval: 1s}\nscrape_configs:\n")
	for _, t := range o.Targets {
		fmt.Fprintf(&b, "- {job_name: %q, metrics_path: %q, static_configs: [{targets: [%q]}]}\n", t.Job, t.Path, t.Addr)
	}
	if o.Rules != "" {
		fmt.Fprintf(&b, "rule_files: [%q]\n", o.Rules)
	}
	return b.String()
}

// point reads Prometheus' [seconds, "value"].
type point Point

// UnmarshalJSON implements json.Unmarshaler.
func (p *point) UnmarshalJSON(raw []byte) error {
	var seconds float64
	var text string
	if err := json.Unmarshal(raw, &[]any{&seconds, &text}); err != nil {
		return err
	}
	value, err := strconv.ParseFloat(text, 64)
	p.At, p.Value = time.UnixMilli(int64(seconds*1000)), value
	return err
}

// Scrape starts a Prometheus for the length of a test.
func Scrape(tb testing.TB, o PrometheusOptions) *PrometheusProcess {
	tb.Helper()
	p, err := StartPrometheus(tb.Context(), o)
	Check(tb, err)
	tb.Cleanup(func() {
		p.Close()
		show(tb, p.Process)
	})
	return p
}
