package conformance

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	// Kafka lives for a minute here: to compile its code well costs more than it gains.
	code := 1
	if err := os.Setenv("JAVA_TOOL_OPTIONS", "-XX:TieredStopAtLevel=1"); err == nil {
		code = m.Run()
	}
	stopTargets()
	for _, d := range uncarried() {
		fmt.Fprintf(os.Stderr, "no scenario carries the difference %s\n", d)
		code = 1
	}
	if err := goleak.Find(); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
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
