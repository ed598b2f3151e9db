package simulation_test

import (
	"regexp"
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/test/overlay"
)

// fenceless is how many seeds at most it takes to see that order is not kept.
const fenceless = "500"

// TestWithoutFence takes out what keeps order, and has the simulation find that within a few seeds. A simulation that finds nothing
// proves something only if it would have found this.
func TestWithoutFence(t *testing.T) {
	t.Parallel()
	without := overlay.New(t)
	without.Insert("../../filter/order/fences.go", "func (f *Fences) Refuses(", "\tif b != nil {\n\t\treturn false\n\t}")
	out, err := without.Test([]string{"SEEDS=" + fenceless, "SEED="}, "-run", "^TestSimulation$", ".")
	found := regexp.MustCompile(`mesh, seed \d+: .*`).FindString(out)
	if err == nil || found == "" {
		t.Fatalf("without a fence %s seeds find nothing: %v\n%s", fenceless, err, out)
	}
	t.Logf("without a fence: %s", found)
}
