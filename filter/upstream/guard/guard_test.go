package guard_test

import (
	"errors"
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/guard"
)

// TestPanicsEndNothing has a bug in what is guarded, and in who is told of it.
func TestPanicsEndNothing(t *testing.T) {
	t.Parallel()
	told := ""
	for _, p := range []guard.Panics{
		{},
		{Caught: func(where string, _ any, _ []byte) { told = where }},
		{Caught: func(string, any, []byte) { panic("in the log") }},
	} {
		if err := p.Attempt("here", func() error { panic("bug") }); !errors.Is(err, guard.ErrPanic) {
			t.Errorf("Attempt: %v, want %v", err, guard.ErrPanic)
		}
		p.Guard("here", func() { panic("bug") })
	}
	if told != "here" {
		t.Errorf("told of a panic in %q, want here", told)
	}
}
