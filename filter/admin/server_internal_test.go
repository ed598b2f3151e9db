package admin

import (
	"bufio"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// listening is a listener on a free port.
func listening(t *testing.T) net.Listener {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// page asks a real server; an empty code: nobody answers.
func fetched(t *testing.T, method, url string) (code int, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Close = true
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(r)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Error(err)
	}
	return resp.StatusCode, string(text)
}

// TestServer serves on two listeners one after the other, as when an address is changed.
func TestServer(t *testing.T) {
	t.Parallel()
	b := newTestBoard(t)
	t.Cleanup(b.Join(newFake()))
	s := New(b, Options{Log: slog.New(slog.DiscardHandler)})
	t.Cleanup(s.Close)
	first, second := listening(t), listening(t)
	s.Serve(first)
	if code, body := fetched(t, "GET", "http://"+first.Addr().String()+"/healthz"); code != http.StatusOK {
		t.Errorf("first: %d, %s", code, body)
	}
	s.Serve(second)
	first.Close()
	if code, body := fetched(t, "GET", "http://"+second.Addr().String()+"/readyz"); code != http.StatusServiceUnavailable {
		t.Errorf("second: %d, %s", code, body)
	}
	if code, _ := fetched(t, "GET", "http://"+first.Addr().String()+"/healthz"); code != 0 {
		t.Errorf("first, closed: %d", code)
	}
}

// TestFewConnections has more clients than there is room for: the last is turned away, and taken when another has gone.
func TestFewConnections(t *testing.T) {
	t.Parallel()
	b := newTestBoard(t)
	s := New(b, Options{Log: slog.New(slog.DiscardHandler)})
	t.Cleanup(s.Close)
	l := listening(t)
	s.Serve(l)
	alive := func() (net.Conn, bool) {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		conn.SetDeadline(time.Now().Add(time.Minute))
		io.WriteString(conn, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
		line, err := bufio.NewReader(conn).ReadString('\n')
		return conn, err == nil && strings.Contains(line, "200")
	}
	var open []net.Conn
	for i := range maxConnections {
		conn, ok := alive()
		if !ok {
			t.Fatalf("connection %d is turned away", i)
		}
		open = append(open, conn)
	}
	if _, ok := alive(); ok {
		t.Error("one more is not turned away")
	}
	open[0].Close()
	for ok := false; !ok; _, ok = alive() { // until the server has seen it
		if t.Context().Err() != nil {
			t.Fatal("nobody is taken any more")
		}
	}
}

// TestBodiesAreShort sends a form that is longer than anybody needs.
func TestBodiesAreShort(t *testing.T) {
	t.Parallel()
	b := newTestBoard(t)
	var level slog.LevelVar
	s := New(b, Options{Log: slog.New(slog.DiscardHandler), Level: &level})
	t.Cleanup(s.Close)
	l := listening(t)
	s.Serve(l)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+l.Addr().String()+"/log",
		strings.NewReader("level=debug&x="+strings.Repeat("x", 2*maxBody)))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusBadRequest || level.Level() != slog.LevelInfo {
		t.Errorf("answered %d, level %v, want 400 and no change", resp.StatusCode, level.Level())
	}
}

// TestWatch lets ten minutes pass: metrics are looked at every five seconds, until the board is closed.
func TestWatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := NewBoard("test", slog.New(slog.DiscardHandler))
		f := newFake()
		leave := b.Join(f)
		for range 20 {
			f.set.Cluster("kafka_c1").Bytes.Add(5000)
			<-time.After(interval)
			synctest.Wait()
		}
		if got := b.now().Meshes[0].Clusters[0].Traffic.BytesPerSecond; math.Round(got) != 1000 {
			t.Errorf("%v bytes a second, want 1000", got)
		}
		if got := len(b.now().charts[0].clusters["kafka_c1"]); got != 20 {
			t.Errorf("%d points, want 20", got)
		}
		leave()
		b.Close()
		b.Close()
		b.Join(f)() // nobody looks any more
	})
}

// TestHammerBoard has meshes come and go while others ask.
func TestHammerBoard(t *testing.T) {
	t.Parallel()
	b := newTestBoard(t)
	h := handler(b, Options{Log: slog.New(slog.DiscardHandler)})
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 50 {
				f := newFake()
				leave := b.Join(f)
				f.set.Connections.Add(1)
				leave()
			}
		})
		all.Go(func() {
			for range 20 {
				b.forget()
				for _, path := range []string{"/", "/metrics", "/readyz", "/status.json"} {
					if code, body, _ := get(t, h, path); code != http.StatusOK && code != http.StatusServiceUnavailable {
						t.Errorf("%s = %d, %.100s", path, code, body)
					}
				}
			}
		})
	}
	all.Wait()
	if _, body, _ := get(t, h, "/metrics"); lines(body, "envoy_kafkamesh_connections ") != "envoy_kafkamesh_connections 200\n" {
		t.Errorf("in the end:\n%s", lines(body, "envoy_kafkamesh_connections "))
	}
}
