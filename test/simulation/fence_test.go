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
	for _, without := range []struct{ name, file, function string }{
		{"the fence", "../../filter/order/fences.go", "func (f *Fences) Refuses("},
		{"the hold behind the first batch", "../../filter/upstream/produce/partition.go", "func (p *Pool) hold("},
		{"the answer to what a broker finds out of order", "../../filter/order/fences.go", "func (f *Fences) Behind("},
	} {
		t.Run(without.name, func(t *testing.T) {
			t.Parallel()
			changed := overlay.New(t)
			changed.Insert(without.file, without.function, "\tif b != nil {\n\t\treturn false\n\t}")
			out, err := changed.Test([]string{"SEEDS=" + seedsWithout, "SEED="}, "-run", "^TestSimulation$", ".")
			found := regexp.MustCompile(`mesh, seed \d+: .*`).FindString(out)
			if err == nil || found == "" {
				t.Fatalf("without %s %s seeds find nothing: %v\n%s", without.name, seedsWithout, err, out)
			}
			t.Logf("without %s: %s", without.name, found)
		})
	}
}
