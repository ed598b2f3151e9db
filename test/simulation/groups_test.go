package simulation_test

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/test/simulation"
)

// manyGroupSeeds and fewGroupSeeds are how many seeds have groups.
const manyGroupSeeds, fewGroupSeeds = 300, 30

// TestGroups plays seeds in which members of groups of both protocols read topics of two clusters through two proxies, while coordinators
// move, clusters hang, and members, connections and proxies come and go. Nothing is read by two members of a generation; what is told of
// an offset is what its cluster keeps; an offset goes back only when its member was excluded at the group's home between the check and the
// commit, for the time that is allowed; who was excluded before commits nowhere; and in a bounded time after the last mishap all of it is
// read and committed. GROUP_SEEDS=n plays n seeds, SEED=k that one alone.
func TestGroups(t *testing.T) {
	t.Parallel()
	configs, err := simulation.NewConfigs()
	if err != nil {
		t.Fatal(err)
	}
	p := &plan{configs: configs, count: number(t, "GROUP_SEEDS", manyGroupSeeds), seed: number(t, "SEED", 0)}
	switch {
	case p.seed != 0:
		p.count = number(t, "COUNT", 1)
	case os.Getenv("GROUP_SEEDS") == "" && (underRace || testing.Short()):
		p.count = fewGroupSeeds
	}
	var all groupTotals
	t.Cleanup(func() { t.Log(&all) })
	for shard := range runtime.GOMAXPROCS(0) {
		t.Run(fmt.Sprint("shard ", shard), func(t *testing.T) {
			t.Parallel()
			for seed, ok := p.next(); ok && all.going(); seed, ok = p.next() {
				all.add(t, runGroups(t, p.configs, seed, p.seed != 0))
			}
		})
	}
}

// groupTotals are sums over all seeds.
type groupTotals struct {
	mu                                              sync.Mutex
	failures, seeds, commits, elsewhere, late, back int
	latest                                          time.Duration
	unchecked                                       []time.Duration
}

func (s *groupTotals) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	slices.Sort(s.unchecked)
	middle, most := time.Duration(0), time.Duration(0)
	if n := len(s.unchecked); n > 0 {
		middle, most = s.unchecked[n/2], s.unchecked[n*99/100]
	}
	return fmt.Sprintf("%d seeds, %d offsets committed, %d of classic groups elsewhere than at home, %s after the home's part in the middle "+
		"and %s for 99 %%; %d of these after their member was excluded, %s at most; %d went back",
		s.seeds, s.commits, s.elsewhere, middle, most, s.late, s.latest, s.back)
}

func (s *groupTotals) going() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failures < maxFailures
}

// add counts one run, and shows what is wrong with it.
func (s *groupTotals) add(t *testing.T, r simulation.GroupResult) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seeds++
	s.commits, s.elsewhere, s.late, s.back = s.commits+r.Commits, s.elsewhere+r.Elsewhere, s.late+r.Late, s.back+r.Back
	s.latest = max(s.latest, r.Latest)
	s.unchecked = append(s.unchecked, r.Unchecked...)
	for _, line := range r.Trace {
		t.Log(line)
	}
	if len(r.Wrong) > 0 {
		s.failures++
		t.Errorf("groups, seed %d: %s\n%s", r.Seed, strings.Join(r.Wrong, "\n"), r.Schedule)
	}
}

// runGroups plays one seed in a bubble of its own.
func runGroups(t *testing.T, configs simulation.Configs, seed uint64, traced bool) (r simulation.GroupResult) {
	t.Helper()
	defer func() {
		if p := recover(); p != nil { // goroutines that never end
			t.Fatalf("seed %d: %v", seed, p)
		}
	}()
	synctest.Test(t, func(*testing.T) { r = configs.RunGroups(seed, traced) })
	return r
}
