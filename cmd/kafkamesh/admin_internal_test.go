package main

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/config"
)

// running is a serve whose log is read as it comes.
type running struct {
	t *testing.T

	mu    sync.Mutex
	more  *sync.Cond
	lines []string
	over  bool
}

func start(t *testing.T, args ...string) *running {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	stderr, w := io.Pipe()
	r := &running{t: t}
	r.more = sync.NewCond(&r.mu)
	code := make(chan int, 1)
	go func() {
		code <- run(ctx, append([]string{"serve", "--listen", "127.0.0.1:0"}, args...), streams{strings.NewReader(""), printer{io.Discard}, printer{w}})
		w.Close()
	}()
	go func() {
		for s := bufio.NewScanner(stderr); s.Scan(); {
			r.add(s.Text(), false)
		}
		r.add("", true)
	}()
	t.Cleanup(func() {
		stop()
		<-code
	})
	return r
}

func (r *running) add(line string, over bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines, r.over = append(r.lines, line), over
	r.more.Broadcast()
}

// next reads the log on as far as a text, and gives what follows it in its line.
func (r *running) next(text string) string {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	var read []string
	for {
		for len(r.lines) == 0 {
			if r.over {
				r.t.Fatalf("the log lacks %q:\n%s", text, strings.Join(read, "\n"))
			}
			r.more.Wait()
		}
		line := r.lines[0]
		r.lines = r.lines[1:]
		if _, rest, ok := strings.Cut(line, text); ok {
			return rest
		}
		read = append(read, line)
	}
}

// page is what is at a URL; 0: nobody answers.
func page(t *testing.T, method, url string) (code int, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Close = true
	resp, err := http.DefaultClient.Do(r)
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

func writeConfig(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestAdmin asks a serve whose cluster is dead for everything.
func TestAdmin(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "mesh.yaml")
	writeConfig(t, file, good)
	r := start(t, "--config", file, "--admin", "127.0.0.1:0")
	url := strings.TrimSuffix(r.next("page="), "/")
	for _, tc := range []struct {
		method, path string
		code         int
		want         string
	}{
		{"GET", "/", 200, "<!doctype html>"},
		{"GET", "/healthz", 200, "alive"},
		{"GET", "/readyz", 503, "not ready"},
		{"GET", "/status.json", 200, `"host": "kafkamesh serve"`},
		{"GET", "/metrics", 200, "go_goroutines"},
		{"GET", "/metrics", 200, "envoy_kafkamesh_build_info{"},
		{"GET", "/log", 200, "level: info"},
		{"POST", "/log?level=debug", 200, "level: debug"},
		{"GET", "/debug/pprof/", 404, "pprof: true"},
	} {
		if code, body := page(t, tc.method, url+tc.path); code != tc.code || !strings.Contains(body, tc.want) {
			t.Errorf("%s %s = %d, %.300q, want %d, %q", tc.method, tc.path, code, body, tc.code, tc.want)
		}
	}
}

// TestAdminMoves has a reload say another address, one that cannot be had, and profiles.
func TestAdminMoves(t *testing.T) { //nolint:paralleltest // signals are the process's
	free := func() string {
		l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		return l.Addr().String()
	}
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	file := filepath.Join(t.TempDir(), "mesh.yaml")
	first, second := free(), free()
	reload := func(admin string) {
		writeConfig(t, file, good+"admin: {"+admin+"}\n")
		if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
	writeConfig(t, file, good+"admin: {address: "+first+"}\n")
	r := start(t, "--config", file)
	r.next("msg=listening")
	want := func(address string, code int) {
		t.Helper()
		if got, body := page(t, "GET", "http://"+address+"/healthz"); got != code {
			t.Errorf("%s = %d, %s, want %d", address, got, body, code)
		}
	}
	want(first, 200)
	reload("address: " + second + ", pprof: true")
	r.next("msg=reloaded")
	want(second, 200)
	want(first, 0)
	_, port, _ := net.SplitHostPort(second)
	reload("address: \"0.0.0.0:" + port + "\"")
	r.next("msg=reloaded")
	want(second, 200)
	reload("address: " + second + ", pprof: true")
	r.next("msg=reloaded")
	want(second, 200)
	if code, body := page(t, "GET", "http://"+second+"/debug/pprof/"); code != 200 {
		t.Errorf("profiles = %d, %.100s", code, body)
	}
	reload("address: " + taken.Addr().String())
	r.next("the admin listener stays where it is")
	r.next("msg=reloaded")
	want(second, 200)
}

// TestAdminAddress is about who has the say.
func TestAdminAddress(t *testing.T) {
	t.Parallel()
	configured := &config.Config{Admin: &config.Admin{Address: "10.0.0.1:9990"}}
	for _, tc := range []struct {
		name, flag string
		config     *config.Config
		want       string
		written    bool
	}{
		{"nobody", "", &config.Config{}, adminDefault, false},
		{"the configuration", "", configured, "10.0.0.1:9990", true},
		{"the flag", "127.0.0.1:1", configured, "127.0.0.1:1", true},
		{"the flag wants none", "off", configured, "", true},
	} {
		a := &adminListener{flag: tc.flag}
		if got, written := a.wanted(tc.config); got != tc.want || written != tc.written {
			t.Errorf("%s: %q, %v, want %q, %v", tc.name, got, written, tc.want, tc.written)
		}
	}
}

// TestAdminAddressThatIsTaken is an error if it was written down.
func TestAdminAddressThatIsTaken(t *testing.T) {
	t.Parallel()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	file := filepath.Join(t.TempDir(), "mesh.yaml")
	writeConfig(t, file, good)
	var stderr strings.Builder
	code := run(t.Context(), []string{"serve", "--config", file, "--listen", "127.0.0.1:0", "--admin", l.Addr().String()},
		streams{strings.NewReader(""), printer{io.Discard}, printer{&stderr}})
	if want := "choose another address, or have none with --admin off"; code != exitFailed || !strings.Contains(stderr.String(), want) {
		t.Errorf("serve = %d, %s, want %d, %s", code, stderr.String(), exitFailed, want)
	}
}
