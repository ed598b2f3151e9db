package abi_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// TestPublishesWithoutClients sees what testdata/echo counts while no client does anything, from Envoy 1.39 on; with Envoy 1.38, that it
// does no harm. Configurations come and go meanwhile, some of which count all the time, and gauges are back at zero in the end.
func TestPublishesWithoutClients(t *testing.T) {
	t.Parallel()
	dir := buildEcho(t)
	for _, version := range stack.EnvoyVersions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			l := startListeners(t, dir, version)
			if version == stack.EnvoyVersions()[0] {
				l.exchange(t, "echo", "hi") // Envoy 1.38 publishes with what a client does
			} else {
				l.wantPublished(t)
			}
			l.testUpdates(t)
			if version != stack.EnvoyVersions()[0] {
				l.wantNothingLeft(t)
			}
		})
	}
}

// listeners are those of an Envoy that takes them from a file.
type listeners struct {
	echoEnvoy

	file  string
	all   []map[string]any
	times int
}

func startListeners(t *testing.T, dir, version string) *listeners {
	t.Helper()
	all, addrs := echoListeners(t, "", "echo", "busy")
	l := &listeners{file: filepath.Join(t.TempDir(), "listeners.json"), all: all}
	l.update(t, all)
	config, err := json.Marshal(map[string]any{
		"admin": map[string]any{"address": localAddress(0)}, "node": map[string]any{"id": "test", "cluster": "test"}, "stats_flush_interval": "1s",
		"dynamic_resources": map[string]any{"lds_config": map[string]any{
			"resource_api_version": "V3", "path_config_source": map[string]any{"path": l.file},
		}},
	})
	stack.Check(t, err)
	e := stack.Envoy(t, stack.EnvoyOptions{
		Version: version, Config: string(config), ModuleDir: dir, Env: []string{"GOMAXPROCS=8"}, Args: []string{"--drain-time-s", "1"},
	})
	l.echoEnvoy = echoEnvoy{e, addrs}
	stack.Check(t, e.WaitStats(t.Context(), "listener_manager.listener_create_success", 2*2)) // by two workers
	return l
}

// update has Envoy have other listeners.
func (l *listeners) update(t *testing.T, all []map[string]any) {
	t.Helper()
	l.times++
	for i := range all {
		all[i]["@type"] = "type.googleapis.com/envoy.config.listener.v3.Listener"
	}
	text, err := json.Marshal(map[string]any{"version_info": strconv.Itoa(l.times), "resources": all})
	stack.Check(t, err)
	stack.Replace(t, l.file, string(text))
}

// wantPublished looks at each kind of metric.
func (l *listeners) wantPublished(t *testing.T) {
	t.Helper()
	stack.Check(t, l.WaitGauge(t.Context(), "echo.served", 2)) // it adds up
	stack.Check(t, l.WaitGauge(t.Context(), "echo.level", 42)) // it does not
	stack.Check(t, l.WaitStats(t.Context(), "echo.sessions", 100))
	count := regexp.MustCompile(`(?m)^envoy_echo_sizes_(count|sum)\S* (\d+)`)
	stack.Wait(t, "a histogram", func() error {
		text, err := stack.Page(t.Context(), http.MethodGet, "http://"+l.Admin()+"/stats/prometheus?filter=echo.sizes")
		if err != nil {
			return err
		}
		found := map[string]int{}
		for _, m := range count.FindAllStringSubmatch(text, -1) {
			found[m[1]], _ = strconv.Atoi(m[2])
		}
		if found["count"] < 6 || found["sum"] < found["count"]+4*9 {
			return fmt.Errorf("%d sizes that add up to %d, want at least 6 with four tens", found["count"], found["sum"])
		}
		return nil
	})
}

// testUpdates has configurations come and go while connections do and while goroutines count.
func (l *listeners) testUpdates(t *testing.T) {
	t.Helper()
	const updates = 20
	over := make(chan struct{})
	go func() {
		defer close(over)
		for range 4 {
			l.churn("busy", time.Second)
		}
	}()
	for i := range updates {
		next, _ := echoListeners(t, fmt.Sprint("version ", i), "echo", "busy")
		for n := range next {
			next[n]["address"] = l.all[n]["address"]
		}
		l.update(t, next)
		stack.Check(t, l.WaitStats(t.Context(), "listener_manager.listener_modified", int64(2*(i+1))))
	}
	<-over
	select {
	case <-l.Done():
		t.Fatalf("Envoy has ended:\n%s", stack.Tail(l.Log()))
	default:
	}
}

// wantNothingLeft removes all listeners.
func (l *listeners) wantNothingLeft(t *testing.T) {
	t.Helper()
	l.update(t, nil)
	for _, gauge := range []string{"served", "active", "level"} {
		stack.Check(t, l.WaitGauge(t.Context(), "echo."+gauge, 0))
	}
}
