package admin

import (
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/status"
)

// newTestHandler answers for a board with one fake mesh.
func newTestHandler(t *testing.T, f *fake, o Options) (*Board, http.Handler) {
	t.Helper()
	b := newTestBoard(t)
	t.Cleanup(b.Join(f))
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return b, handler(b, o)
}

func TestRoutes(t *testing.T) {
	t.Parallel()
	_, h := newTestHandler(t, newFake(), Options{})
	for _, tc := range []struct {
		name, method, path string
		header             []string
		code               int
		want               string // is in the body
	}{
		{"alive", "GET", "/healthz", nil, 200, "alive\n"},
		{"not ready", "GET", "/readyz", nil, 503, "not ready: 1 of 3 clusters cannot be reached: kafka_c2\n"},
		{"why", "GET", "/readyz", nil, 503, "nobody listens there"},
		{"one that is ready", "GET", "/readyz?cluster=kafka_c1", nil, 200, "ready\norders/kafka_c1: can be reached"},
		{"by both names", "GET", "/readyz?cluster=orders/kafka_c1", nil, 200, "ready\norders/kafka_c1: can be reached"},
		{"one that is not", "GET", "/readyz?cluster=kafka_c2", nil, 503, "not ready: cannot be reached"},
		{"none of that name", "GET", "/readyz?cluster=kafka_c9", nil, 404, "there is no cluster of that name"},
		{"none of an empty name", "GET", "/readyz?cluster=", nil, 404, "there is no cluster of that name"},
		{"for a program", "GET", "/readyz", []string{"Accept", "application/json"}, 503, `"reason": "1 of 3 clusters cannot be reached: kafka_c2"`},
		{"the page", "GET", "/", nil, 200, "<!doctype html>"},
		{"the page for a terminal", "GET", "/", []string{"Accept", "text/plain"}, 200, "CRITICAL: kafka_c2 cannot be reached"},
		{"the page's head", "HEAD", "/", nil, 200, ""},
		{"metrics", "GET", "/metrics", nil, 200, "envoy_kafkamesh_connections 0"},
		{"no profiles", "GET", "/debug/pprof/heap", nil, 404, "admin: {pprof: true} in the configuration turns them on"},
		{"nothing", "GET", "/favicon.ico", nil, 404, "there is / /metrics"},
		{"nothing beside", "GET", "//healthz/../../etc/passwd", nil, 307, ""},
		{"another method", "POST", "/healthz", nil, 405, ""},
		{"another method of the page", "DELETE", "/", nil, 405, ""},
		{"no handing over", "POST", "/handover", nil, 409, "not about to end"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			code, body, header := ask(t, h, tc.method, tc.path, tc.header...)
			if code != tc.code || !strings.Contains(body, tc.want) {
				t.Errorf("%s %s = %d, %.200q, want %d, %q", tc.method, tc.path, code, body, tc.code, tc.want)
			}
			for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"} {
				if got := header.Get(name); got != want {
					t.Errorf("%s: %s, want %s", name, got, want)
				}
			}
			if !strings.Contains(header.Get("Content-Security-Policy"), "default-src 'none'") {
				t.Errorf("Content-Security-Policy: %s", header.Get("Content-Security-Policy"))
			}
		})
	}
}

func TestReadyWhenAllCanBeReached(t *testing.T) {
	t.Parallel()
	f := newFake()
	f.mesh.Clusters[1].State = status.Reachable
	b, h := newTestHandler(t, f, Options{})
	if code, body, _ := get(t, h, "/readyz"); code != http.StatusOK || !strings.HasPrefix(body, "ready\n") {
		t.Errorf("/readyz = %d, %s, want ready", code, body)
	}
	b.Drain()
	b.forget()
	if code, body, _ := get(t, h, "/readyz"); code != http.StatusServiceUnavailable || !strings.Contains(body, "about to end") {
		t.Errorf("/readyz = %d, %s, want that the process is about to end", code, body)
	}
	if code, _, _ := get(t, h, "/healthz"); code != http.StatusOK {
		t.Errorf("/healthz = %d, want 200", code)
	}
}

func TestStatusJSON(t *testing.T) {
	t.Parallel()
	f := newFake()
	f.mesh.Clients.Unmatched[0].Topic = "<script>\x00" + strings.Repeat("x", 100_000)
	_, h := newTestHandler(t, f, Options{})
	_, body, header := get(t, h, "/status.json")
	var s status.Status
	if err := json.Unmarshal([]byte(body), &s); err != nil || !strings.HasPrefix(header.Get("Content-Type"), "application/json") {
		t.Fatalf("/status.json: %v, %s", err, header.Get("Content-Type"))
	}
	if got := s.Meshes[0].Clients.Unmatched[0].Topic; len(got) > status.MaxName || !strings.HasPrefix(got, "<script>\uFFFDx") {
		t.Errorf("topic = %.300q, want it bounded, without what cannot be seen", got)
	}
	if s.Ready || s.Problems[0].Cluster != "kafka_c2" || s.Process.Host != "test" || s.Meshes[0].Clusters[1].Brokers[0].Leads != 6 {
		t.Errorf("status = %+v", s)
	}
	if strings.Contains(body, "<script>") {
		t.Error("markup is as it was sent: a browser that is told that this is a page would take it for some")
	}
}

func TestLogLevel(t *testing.T) {
	t.Parallel()
	var level slog.LevelVar
	_, h := newTestHandler(t, newFake(), Options{Level: &level})
	for _, tc := range []struct {
		method, path string
		code         int
		want         string
		level        slog.Level
	}{
		{"GET", "/log", 200, "level: info\n", slog.LevelInfo},
		{"GET", "/log?level=debug", 200, "level: info\n", slog.LevelInfo}, // GET changes nothing
		{"POST", "/log?level=debug", 200, "level: debug\n", slog.LevelDebug},
		{"PUT", "/log?level=Error", 200, "level: error\n", slog.LevelError},
		{"POST", "/log?level=loud", 400, "level is one of debug, info, warn, error\n", slog.LevelError},
		{"POST", "/log", 400, "level is one of debug, info, warn, error\n", slog.LevelError},
		{"POST", "/log?level=%zz", 400, "", slog.LevelError},
	} {
		code, body, _ := ask(t, h, tc.method, tc.path)
		if code != tc.code || !strings.Contains(body, tc.want) || level.Level() != tc.level {
			t.Errorf("%s %s = %d, %q, level %v, want %d, %q, level %v", tc.method, tc.path, code, body, level.Level(), tc.code, tc.want, tc.level)
		}
	}
	if code, _, _ := ask(t, h, "POST", "/log?level=debug", "Origin", "https://elsewhere.example", "Sec-Fetch-Site", "cross-site"); code != http.StatusForbidden ||
		level.Level() != slog.LevelError {
		t.Errorf("another site's page: %d, level %v, want 403 and no change", code, level.Level())
	}
	_, h = newTestHandler(t, newFake(), Options{LevelAdvice: "ask Envoy"})
	if code, body, _ := ask(t, h, "POST", "/log?level=debug"); code != http.StatusConflict || body != "ask Envoy\n" {
		t.Errorf("POST /log where the host has the level = %d, %q", code, body)
	}
	if code, body, _ := get(t, h, "/log"); code != http.StatusOK || body != "ask Envoy\n" {
		t.Errorf("GET /log where the host has the level = %d, %q", code, body)
	}
}

func TestProfiles(t *testing.T) {
	t.Parallel()
	_, h := newTestHandler(t, newFake(), Options{Profiles: func() bool { return true }})
	for path, want := range map[string]int{
		"/debug/pprof/": 200, "/debug/pprof/goroutine?debug=1": 200, "/debug/pprof/cmdline": 200, "/debug/pprof/nothing": 404,
		"/debug/pprof/profile?seconds=86400": 400, "/debug/pprof/trace?seconds=x": 400,
	} {
		if code, body, _ := get(t, h, path); code != want {
			t.Errorf("GET %s = %d, %.100q, want %d", path, code, body, want)
		}
	}
}

// TestLocal refuses who found our loopback address under a name of his own.
func TestLocal(t *testing.T) {
	t.Parallel()
	_, h := newTestHandler(t, newFake(), Options{})
	for _, tc := range []struct {
		ip, host string
		code     int
	}{
		{"127.0.0.1", "127.0.0.1:19095", 200},
		{"127.0.0.1", "localhost:19095", 200},
		{"127.0.0.1", "LOCALHOST", 200},
		{"::1", "[::1]:19095", 200},
		{"127.0.0.1", "evil.example:19095", 421},
		{"127.0.0.1", "localhost.evil.example", 421},
		{"10.0.0.1", "kafkamesh.prod.svc:9990", 200},
	} {
		ctx := context.WithValue(t.Context(), http.LocalAddrContextKey, &net.TCPAddr{IP: net.ParseIP(tc.ip), Port: 19095})
		r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/healthz", http.NoBody)
		r.Host = tc.host
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != tc.code {
			t.Errorf("Host %s at %s = %d, want %d", tc.host, tc.ip, w.Code, tc.code)
		}
	}
}

// FuzzRequest sends paths and queries: nothing panics, and nothing fails but for what is wrong with a cluster.
func FuzzRequest(f *testing.F) {
	for _, seed := range [][2]string{
		{"/", ""},
		{"/readyz", "cluster=kafka_c1"},
		{"/readyz", "cluster=%00&cluster=;"},
		{"/log", "level=debug;level=%ff"},
		{"/metrics", "name[]=x"},
		{"/debug/pprof/profile", "seconds=-1"},
		{"/debug/pprof/../../x", "debug=1"},
		{"/status.json", "a=b"},
	} {
		f.Add(seed[0], seed[1], true)
	}
	b := NewBoard("test", slog.New(slog.DiscardHandler))
	f.Cleanup(b.Close)
	f.Cleanup(b.Join(newFake()))
	var level slog.LevelVar
	h := handler(b, Options{Log: slog.New(slog.DiscardHandler), Level: &level})
	f.Fuzz(func(t *testing.T, path, query string, post bool) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
		if post {
			r.Method = http.MethodPost
		}
		r.URL.Path, r.URL.RawQuery = path, query
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code >= 500 && w.Code != http.StatusServiceUnavailable || w.Body.Len() > 1<<20 {
			t.Errorf("%s %q?%q = %d with %d bytes", r.Method, path, query, w.Code, w.Body.Len())
		}
	})
}
