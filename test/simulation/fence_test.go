package simulation_test

import (
	"regexp"
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/test/overlay"
)

// seedsWithout is how many seeds at most it takes to see that order is not kept.
const seedsWithout = "2000"

// TestWithoutOrder takes out what keeps order, one thing at a time, and has the simulation find that within a few seeds. A simulation
// that finds nothing proves something only if it would have found this.
func TestWithoutOrder(t *testing.T) {
	t.Parallel()
	const stop = "if b != nil {\n\t\treturn false\n\t}"
	for _, w := range []without{
		{"the fence", "../../filter/order/fences.go", "func (f *Fences) Refuses(", stop},
		{"the hold behind the first batch", "../../filter/upstream/produce/partition.go", "func (p *Pool) hold(", stop},
		{"the answer to what a broker finds out of order", "../../filter/order/fences.go", "func (f *Fences) Behind(", stop},
	} {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			w.finds(t, "TestSimulation", "SEEDS="+seedsWithout, "mesh")
		})
	}
}

// TestWithoutReading does the same with what readers need.
func TestWithoutReading(t *testing.T) {
	t.Parallel()
	for _, w := range []without{
		{
			"a look at the offset of a poll that is adopted", "../../filter/upstream/fetch/partition.go", "func (p *partition) isFor(",
			"a.Offset = p.asked.Offset",
		},
		{"doubt about a leader", "../../filter/upstream/fetch/poll.go", "func isDoubtful(", "if c != wire.None {\n\t\treturn false\n\t}"},
		{"a look at where brokers are", "../../filter/upstream/fetch/line.go", "func (p *Polls) leaveMoved(", "if p != nil {\n\t\treturn\n\t}"},
	} {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			w.finds(t, "TestReading", "READ_SEEDS="+seedsWithout, "read")
		})
	}
}

// without is something taken out: statement comes first in a function.
type without struct{ name, file, function, statement string }

// finds wants a test of seeds to fail.
func (w without) finds(t *testing.T, test, seeds, way string) {
	t.Helper()
	changed := overlay.New(t)
	changed.Insert(w.file, w.function, "\t"+w.statement)
	out, err := changed.Test([]string{seeds, "SEED="}, "-run", "^"+test+"$", ".")
	found := regexp.MustCompile(way + `, seed \d+: .*`).FindString(out)
	if err == nil || found == "" {
		t.Fatalf("without %s %s seeds find nothing: %v\n%s", w.name, seedsWithout, err, out)
	}
	t.Logf("without %s: %s", w.name, found)
}
