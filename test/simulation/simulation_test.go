package simulation_test

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"

	"github.com/kafkamesh/envoy-kafka-mesh/test/ledger"
	"github.com/kafkamesh/envoy-kafka-mesh/test/simulation"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	// manySeeds and fewSeeds are how many seeds are run, unless SEEDS says otherwise.
	manySeeds = 10_000
	fewSeeds  = 500
	// maxFailures is how many failures of a kind are shown.
	maxFailures = 5
)

// TestSimulation plays many seeds through the mesh, and directly: the same clients under the same faults, connected to the brokers
// themselves. SEEDS=n plays n seeds; SEED=k that one alone, and tells all that its clients sent and got; COUNT=n plays it n times.
//
// Nothing that a client numbers may be lost, stored twice or in another order, and all of it has to be answered within a bounded
// time after the last fault. What is not numbered may be stored twice or in another order, but hardly more often than directly.
func TestSimulation(t *testing.T) {
	t.Parallel()
	configs, err := simulation.NewConfigs()
	if err != nil {
		t.Fatal(err)
	}
	p := &plan{configs: configs, count: number(t, "SEEDS", manySeeds), seed: number(t, "SEED", 0)}
	switch {
	case p.seed != 0:
		p.count = number(t, "COUNT", 1)
	case os.Getenv("SEEDS") == "" && (underRace || testing.Short()):
		p.count = fewSeeds
	}
	var through, direct totals
	t.Cleanup(func() {
		t.Logf("through the mesh: %s", &through)
		t.Logf("directly: %s", &direct)
		// Some runs have many at once; a few thousand seeds even that out.
		if p.count >= manySeeds && (2*through.duplicated.Load() > 3*direct.duplicated.Load() ||
			2*through.reordered.Load() > 3*direct.reordered.Load()) {
			t.Error("the mesh stores more twice, or in another order, than brokers do")
		}
	})
	for shard := range runtime.GOMAXPROCS(0) {
		t.Run(fmt.Sprint("shard ", shard), func(t *testing.T) {
			t.Parallel()
			for seed, ok := p.next(); ok && through.failures.Load()+direct.failures.Load() < maxFailures; seed, ok = p.next() {
				through.add(t, "mesh", run(t, p.configs, seed, simulation.Way{Traced: p.seed != 0}))
				direct.add(t, "direct", run(t, p.configs, seed, simulation.Way{Traced: p.seed != 0, Direct: true}))
			}
		})
	}
}

// number is what an environment variable says, or else otherwise.
func number(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// plan is which seeds are played.
type plan struct {
	configs simulation.Configs
	count   int
	seed    int // if not 0, this one alone
	taken   atomic.Int64
}

// next is the seed to be played next.
func (p *plan) next() (seed uint64, ok bool) {
	n := p.taken.Add(1)
	if p.seed != 0 {
		return uint64(p.seed), n <= int64(p.count)
	}
	return uint64(n), n <= int64(p.count)
}

// totals are sums over all seeds; duplicated and reordered are those of batches without numbers.
type totals struct {
	failures, batches, duplicated, reordered, gaps atomic.Int64
}

func (s *totals) String() string {
	return fmt.Sprintf("%d batches; of those without numbers %d stored twice, %d in another order; %d gaps", s.batches.Load(),
		s.duplicated.Load(), s.reordered.Load(), s.gaps.Load())
}

// add counts one run, and shows what is wrong with it.
func (s *totals) add(t *testing.T, way string, r simulation.Result) {
	t.Helper()
	s.batches.Add(int64(r.Batches))
	s.gaps.Add(int64(r.Gaps))
	s.duplicated.Add(int64(r.Loose.Count(ledger.Duplicated)))
	s.reordered.Add(int64(r.Loose.Count(ledger.Reordered)))
	for _, line := range r.Trace {
		t.Log(line)
	}
	if wrong := r.Wrong(); len(wrong) > 0 {
		s.failures.Add(1)
		t.Errorf("%s, seed %d: %d batches, %s\n%s\n%s", way, r.Seed, r.Batches, r.Config, r.Schedule, wrong)
	}
}

// run plays one seed in a bubble of its own.
func run(t *testing.T, configs simulation.Configs, seed uint64, way simulation.Way) (r simulation.Result) {
	t.Helper()
	defer func() {
		if p := recover(); p != nil { // goroutines that never end
			t.Fatalf("seed %d: %v", seed, p)
		}
	}()
	synctest.Test(t, func(*testing.T) { r = configs.Run(seed, way) })
	return r
}
