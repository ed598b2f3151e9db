package metrics

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// shownProblems is how many problems are shown of one way in which a host shows its metrics.
const shownProblems = 30

// TestEveryMetricInEnvoy sends traffic of every kind through each Envoy, and compares every metric with what was sent.
func TestEveryMetricInEnvoy(t *testing.T) {
	t.Parallel()
	for _, version := range stack.EnvoyVersions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			e, sources := startEnvoy(t, w, version)
			w.held(sources[0])
			w.abandoned(sources[0])
			w.traffic()
			w.wantExpected()
			for _, from := range sources {
				w.wantShown(from)
			}
			e.Stop()
			stack.WantNoAlarm(t, e.Process)
		})
	}
}

// TestEveryMetricInThePlainBinary does the same with the plain binary.
func TestEveryMetricInThePlainBinary(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s, running, end := startPlain(t, w)
	w.held(running)
	w.abandoned(running)
	w.traffic()
	w.wantExpected()
	w.wantShown(running)
	s.Stop()
	w.wantShown(end)
}

// wantExpected wants every metric to have been moved.
func (w *world) wantExpected() {
	w.t.Helper()
	for _, name := range w.idle(w.table) {
		w.t.Errorf("nothing moves %s", name)
	}
}

// wantShown waits until every metric is shown as it is expected to be.
func (w *world) wantShown(from source) {
	w.t.Helper()
	stack.Wait(w.t, "every metric in "+from.name, func() error {
		got, err := w.look(from)
		if err != nil {
			return err
		}
		problems := w.compare(w.table, got)
		if len(problems) > shownProblems {
			problems = append(problems[:shownProblems], fmt.Sprint("and ", len(problems)-shownProblems, " more"))
		}
		if len(problems) > 0 {
			return errors.New("\n" + strings.Join(problems, "\n"))
		}
		return nil
	})
}
