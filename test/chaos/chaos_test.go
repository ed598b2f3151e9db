package chaos

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// short are the faults of the form that every test run has.
var short = []string{"leader elected", "broker killed", "brokers reset often", "envoy killed"}

// TestFaults has each fault happen alone to a load, and compares what its producers were told with what is stored.
func TestFaults(t *testing.T) { //nolint:paralleltest // it takes the machine for itself
	seed := seedOf(t)
	names := short
	if v := os.Getenv("CHAOS_FAULTS"); v != "" {
		names = strings.Split(v, ",")
	}
	w := newWorld(t)
	var results []*result
	for _, f := range faults() {
		if !slices.Contains(names, f.name) && names[0] != "all" {
			continue
		}
		for i, length := range rounds(f, mixTime(t)) {
			r := w.run(t.Context(), f, seed+uint64(i), length)
			results = append(results, r)
			t.Logf("%s\n%s\n%s\n%s", table([]*result{r}), strings.Join(r.schedule, "\n"), strings.Join(r.findings, "\n"), w.hosts.sizes())
			if bad := r.bad(); len(bad) > 0 {
				t.Errorf("%s, CHAOS_SEED=%d: %s", f.name, r.seed, strings.Join(bad, "\n"))
			}
			keep(t, "chaos.md", table(results))
		}
	}
	t.Logf("\n%s", table(results))
}

// round is how long a mix goes on with one load.
const round = 4 * time.Minute

// rounds is how long each load of a fault meets it: a mix that is longer than a round has a new load, and the next seed, for each.
func rounds(f fault, mix time.Duration) []time.Duration {
	if f.name != mixed {
		return []time.Duration{0}
	}
	var out []time.Duration
	for ; mix > 0; mix -= round {
		out = append(out, min(mix, round))
	}
	return out
}

// keep writes a file of build/out.
func keep(t *testing.T, name, text string) {
	t.Helper()
	root, err := stack.Root()
	stack.Check(t, err)
	stack.Check(t, os.WriteFile(filepath.Join(root, "build", "out", name), []byte(text), 0o600))
}

// mixTime is how long a mix goes on.
func mixTime(t *testing.T) time.Duration {
	t.Helper()
	v := os.Getenv("CHAOS_TIME")
	if v == "" {
		return 30 * time.Second
	}
	d, err := time.ParseDuration(v)
	stack.Check(t, err)
	return d
}

func seedOf(t *testing.T) uint64 {
	t.Helper()
	seed := rand.Uint64() >> 32
	if v := os.Getenv("CHAOS_SEED"); v != "" {
		var err error
		seed, err = strconv.ParseUint(v, 10, 64)
		stack.Check(t, err)
	}
	t.Logf("CHAOS_SEED=%d", seed)
	return seed
}
