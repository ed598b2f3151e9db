package simulation_test

import (
	"os"
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/test/simulation"
)

// manyReaderSeeds and fewReaderSeeds are how many seeds clients read in.
const manyReaderSeeds, fewReaderSeeds = 1000, 100

// TestReading plays seeds in which clients without a group read what others write, through the mesh. Each is given what the logs hold, in
// order, and nothing twice but what it asked for twice; each request is answered within a bounded time beyond its max_wait; and within
// a bounded time after the last fault everything has been read. READ_SEEDS=n plays n seeds, SEED=k that one alone.
func TestReading(t *testing.T) {
	t.Parallel()
	configs, err := simulation.NewConfigs()
	if err != nil {
		t.Fatal(err)
	}
	p := &plan{configs: configs, count: number(t, "READ_SEEDS", manyReaderSeeds), seed: number(t, "SEED", 0)}
	switch {
	case p.seed != 0:
		p.count = number(t, "COUNT", 1)
	case os.Getenv("READ_SEEDS") == "" && (underRace || testing.Short()):
		p.count = fewReaderSeeds
	}
	var all totals
	read := 0
	for seed, ok := p.next(); ok && all.failures.Load() < maxFailures; seed, ok = p.next() {
		r := run(t, p.configs, seed, simulation.Way{Traced: p.seed != 0, Read: true})
		read += r.Read
		all.add(t, "read", r)
	}
	t.Logf("%s; %d batches read", &all, read)
}
