package conformance

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

func TestMain(m *testing.M) {
	// Kafka lives for a minute here: to compile its code well costs more than it gains.
	if err := os.Setenv("JAVA_TOOL_OPTIONS", "-XX:TieredStopAtLevel=1"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	stack.Main(m, func() error {
		errs := soiled()
		stopTargets()
		for _, d := range uncarried() {
			errs = append(errs, fmt.Errorf("no scenario carries the difference %s", d))
		}
		return errors.Join(errs...)
	})
}

// soiled says where records are in the topic that tests have in common: it would then matter which test runs first.
func soiled() []error {
	var errs []error
	for _, t := range started.targets {
		for p := range int32(3) {
			end, err := t.held(t.topic("three"), p)
			if end != 0 {
				err = fmt.Errorf("a test wrote into %s/%d: it ends at %d", t.topic("three"), p, end)
			}
			errs = append(errs, err)
		}
	}
	return errs
}

// uncarried are the differences that no scenario carries, if all were played.
func uncarried() []difference {
	if started.targets == nil || flag.Lookup("test.run").Value.String() != "" {
		return nil
	}
	var left []difference
	for _, d := range differences {
		if _, ok := carried.Load(d); !ok {
			left = append(left, d)
		}
	}
	return left
}
