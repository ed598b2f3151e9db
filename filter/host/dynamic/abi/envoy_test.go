package abi_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// TestEnvoy drives the border on a real Envoy, with testdata/echo for an engine: one listener for each of its modes.
//
//nolint:paralleltest,tparallel // one Envoy for all; the last looks at what the others left
func TestEnvoy(t *testing.T) {
	t.Parallel()
	e := startEcho(t, buildEcho(t), "echo", "async", "late", "pause", "flood", "lent", "panic", "panicnew", "panicflood", "noisy", "lending")
	for _, tt := range []struct{ name, mode, send, want string }{
		{"answer in the hook, half close", "echo", "hi", "hibye-after-eof"},
		{"answer from a goroutine, half close", "async", "hi", "hi"},
		{"answer long after FIN", "late", "hi", "hi"},
		{"close in the hook", "echo", "QUIT", "bye"},
		{"close from a goroutine", "async", "QUIT", "bye"},
		{"close flushes", "flood", "go", strings.Repeat("\x00", 8<<20)},
		{"lent and sent from where it is", "lent", "go", lentText()},
		{"panic in NewSession", "panicnew", "", ""},
		{"panic in Data", "panic", "PANIC", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := e.exchange(t, tt.mode, tt.send); got != tt.want {
				t.Errorf("sent %q to %s, got %d bytes %.40q, want %d %.40q", tt.send, tt.mode, len(got), got, len(tt.want), tt.want)
			}
		})
	}
	t.Run("pause and resume", e.testPause)
	t.Run("panic inside a write", e.testPanicInsideWrite)
	t.Run("others live on", e.testOthersLiveOn)
	t.Run("churn", e.testChurn)
	t.Run("metrics", e.testMetrics)
	if log := e.Log(); strings.Contains(log, "CONTRACT BROKEN") {
		t.Errorf("Envoy's log says:\n%s", log)
	}
}

// TestChurnWithoutCloseGuard shows that the churn of TestEnvoy would find a module whose on_scheduled forgets that its
// connection is gone: such a one takes Envoy down.
func TestChurnWithoutCloseGuard(t *testing.T) {
	t.Parallel()
	e := startEcho(t, buildEcho(t, "CGO_CFLAGS=-O2 -g -DKAFKAMESH_WITHOUT_CLOSE_GUARD"), "noisy")
	for deadline := time.Now().Add(5 * time.Minute); time.Now().Before(deadline); {
		e.churn("noisy", time.Second)
		select {
		case <-e.Done():
			return
		default:
		}
	}
	t.Error("Envoy survived")
}

// TestRefusedConfiguration sees that neither an error nor a panic in the configuration starts any Envoy.
func TestRefusedConfiguration(t *testing.T) {
	t.Parallel()
	dir := buildEcho(t)
	for raw, reason := range map[string]string{
		"refuse": "kafka_mesh: configuration refused: field x: bad value",
		"panic":  "kafka_mesh: panic while loading the configuration: boom",
	} {
		for _, version := range stack.EnvoyVersions() {
			t.Run(raw+" on "+version, func(t *testing.T) {
				t.Parallel()
				config, _ := bootstrap(t, raw, "echo")
				e, err := stack.LaunchEnvoy(t.Context(), stack.EnvoyOptions{Version: version, Config: config, ModuleDir: dir})
				stack.Check(t, err)
				t.Cleanup(e.Close)
				if <-e.Done(); e.ExitCode() != 1 || !strings.Contains(e.Log(), reason) {
					t.Errorf("Envoy ended with %d, want 1 and %q in its log:\n%s", e.ExitCode(), reason, e.Log())
				}
			})
		}
	}
}

// lentText is what a session of mode lent writes.
func lentText() string {
	var text strings.Builder
	for i := range 8 {
		text.WriteString("<" + strings.Repeat(string(rune('0'+i)), 1<<20) + ">")
	}
	return text.String()
}

type echoEnvoy struct {
	*stack.EnvoyProcess

	addrs map[string]string // by mode
}

func buildEcho(t *testing.T, env ...string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	cmd := exec.CommandContext(t.Context(), "go", "build", "-buildmode=c-shared",
		"-o", filepath.Join(dir, "libecho.so"), "./testdata/echo")
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build testdata/echo: %v\n%s", err, out)
	}
	return dir
}

func startEcho(t *testing.T, dir string, modes ...string) echoEnvoy {
	t.Helper()
	config, addrs := bootstrap(t, "", modes...)
	// More threads than processors, so that goroutines are preempted where it hurts.
	options := stack.EnvoyOptions{Config: config, ModuleDir: dir, Env: []string{"GOMAXPROCS=8"}}
	return echoEnvoy{stack.Envoy(t, options), addrs}
}

func bootstrap(t *testing.T, raw string, modes ...string) (config string, addrs map[string]string) {
	t.Helper()
	listeners, addrs := echoListeners(t, raw, modes...)
	text, err := json.Marshal(map[string]any{
		"admin": map[string]any{"address": localAddress(0)}, "static_resources": map[string]any{"listeners": listeners},
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(text), addrs
}

func localAddress(port int) map[string]any {
	return map[string]any{"socket_address": map[string]any{"address": "127.0.0.1", "port_value": port}}
}

// echoListeners are listeners, one for each mode, and their addresses.
func echoListeners(t *testing.T, raw string, modes ...string) (listeners []map[string]any, addrs map[string]string) {
	t.Helper()
	type object = map[string]any
	addrs = map[string]string{}
	for _, mode := range modes {
		port, err := stack.FreePort()
		if err != nil {
			t.Fatal(err)
		}
		addrs[mode] = stack.Local(port)
		listeners = append(listeners, object{
			"name": mode, "address": localAddress(port),
			"filter_chains": []object{{"filters": []object{{"name": mode, "typed_config": object{
				"@type": "type.googleapis.com/" +
					"envoy.extensions.filters.network.dynamic_modules.v3.DynamicModuleNetworkFilter",
				"dynamic_module_config": object{"name": "echo", "metrics_namespace": "echo"},
				"filter_name":           mode,
				"terminal_filter":       true,
				"filter_config":         object{"@type": "type.googleapis.com/google.protobuf.StringValue", "value": raw},
			}}}}},
		})
	}
	return listeners, addrs
}

func (e echoEnvoy) dial(t *testing.T, mode string) *net.TCPConn {
	t.Helper()
	var d net.Dialer
	c, err := d.DialContext(t.Context(), "tcp", e.addrs[mode])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(time.Minute))
	return c.(*net.TCPConn)
}

// exchange sends text and FIN and returns all that comes back. Connections that are reset have an end, too.
func (e echoEnvoy) exchange(t *testing.T, mode, text string) string {
	t.Helper()
	c := e.dial(t, mode)
	io.WriteString(c, text)
	c.CloseWrite()
	got, _ := io.ReadAll(c)
	return string(got)
}

// testPause sends more than Envoy and the kernel hold to a session that pauses for 300 ms after the first of it.
func (e echoEnvoy) testPause(t *testing.T) {
	const total = 64 << 20
	c := e.dial(t, "pause")
	go func() {
		c.Write(make([]byte, total))
		c.CloseWrite()
	}()
	got, err := io.ReadAll(c)
	var first, all int
	if _, scanErr := fmt.Sscanf(string(got), "%d\nall %d\n", &first, &all); scanErr != nil {
		t.Fatalf("got %q, %v", got, err)
	}
	if first > total/8 || all != total {
		t.Errorf("%d bytes came in spite of the pause, %d of %d in all", first, all, total)
	}
}

// testPanicInsideWrite has the watermark hook panic, which Envoy calls before its write returns.
func (e echoEnvoy) testPanicInsideWrite(t *testing.T) {
	c := e.dial(t, "panicflood")
	io.WriteString(c, "go")
	if _, err := io.Copy(io.Discard, c); err != nil && !strings.Contains(err.Error(), "reset") {
		t.Error(err)
	}
}

func (e echoEnvoy) testOthersLiveOn(t *testing.T) {
	c := e.dial(t, "panic")
	e.exchange(t, "panic", "PANIC")
	io.WriteString(c, "fine")
	got := make([]byte, 4)
	if _, err := io.ReadFull(c, got); err != nil || string(got) != "fine" {
		t.Errorf("got %q, %v", got, err)
	}
}

func (e echoEnvoy) testChurn(t *testing.T) {
	for _, mode := range []string{"async", "noisy", "lending"} {
		t.Logf("%s: %d connections", mode, e.churn(mode, 3*time.Second))
	}
	select {
	case <-e.Done():
		t.Fatal("Envoy has ended")
	default:
	}
}

// churn opens, uses and drops connections, half of them by reset, and says how many.
func (e echoEnvoy) churn(mode string, d time.Duration) (total int) {
	deadline := time.Now().Add(d)
	var mu sync.Mutex
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			n := 0
			for ; time.Now().Before(deadline); n++ {
				c, err := net.DialTimeout("tcp", e.addrs[mode], time.Second)
				if err != nil {
					return // Envoy is gone; the caller looks
				}
				c.SetDeadline(time.Now().Add(5 * time.Second))
				if n%2 == 0 {
					c.(*net.TCPConn).SetLinger(0)
				}
				for range (n + worker) % 4 {
					c.Write(make([]byte, 1000))
					c.Read(make([]byte, 100))
				}
				c.Close()
			}
			mu.Lock()
			total += n
			mu.Unlock()
		})
	}
	wg.Wait()
	return total
}

// testMetrics comes last: it sees what the others left.
func (e echoEnvoy) testMetrics(t *testing.T) {
	if err := e.WaitStats(t.Context(), "echo.sessions", 100); err != nil {
		t.Error(err)
	}
	if err := e.WaitGauge(t.Context(), "echo.lent", 0); err != nil {
		t.Errorf("writes that are not given back: %v", err)
	}
	// NewSession once, Data twice, Congested once.
	if n, err := e.Stats(t.Context(), "echo.panics"); n != 4 || err != nil {
		t.Errorf("echo.panics = %d, %v; want 4", n, err)
	}
}
