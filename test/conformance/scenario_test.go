package conformance

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
)

// scenario is something that one client does.
type scenario struct {
	name string
	do   func(*client)
	// differs names why the mesh shows something else than a broker.
	differs difference
	// on says which kind of mesh is needed: narrow, or if empty every other.
	on string
	// off is the one mesh that does not play it; empty: all do.
	off string
}

// carried holds the differences that scenarios carry.
var carried sync.Map

// play runs scenarios against all targets, and compares what they show with testdata/NAME.txt.
func play(t *testing.T, name string, scenarios []scenario) {
	t.Helper()
	all := targets(t)
	book := openBook(t, name)
	for _, s := range scenarios {
		carried.Store(s.differs, true)
		if s.differs != none && !slices.Contains(differences, s.differs) {
			t.Errorf("%s: %s is not in the list of differences", s.name, s.differs)
		}
	}
	var playing sync.WaitGroup
	for _, target := range all {
		playing.Add(1)
		t.Run(target.name+"-"+target.oracle.version, func(t *testing.T) {
			t.Parallel()
			defer playing.Done()
			t.Cleanup(func() {
				if t.Failed() {
					t.Logf("the log of %s ends with:\n%s", target.name, tail(target.log()))
				}
			})
			for _, s := range scenarios {
				if s.off != "" && target.host == s.off {
					continue
				}
				if !target.mesh() || (s.on == "narrow") == (target.host == "narrow") {
					t.Run(s.name, func(t *testing.T) {
						book.compare(t, s, target, perform(t, target, s))
					})
				}
			}
		})
	}
	t.Cleanup(func() { book.close(t, scenarios) })
}

// perform runs one scenario, on a connection of its own, and returns what the client saw.
func perform(t *testing.T, target *target, s scenario) string {
	t.Helper()
	c := newClient(t, target)
	s.do(c)
	c.end()
	return strings.Join(c.lines, "\n")
}

// tail keeps what a reader of a failure will read.
func tail(log string) string {
	const limit = 5_000
	if len(log) <= limit {
		return log
	}
	return "…" + log[len(log)-limit:]
}

// column is the part of testdata that a target's lines belong to.
func column(target *target) string {
	c := "kafka"
	if target.mesh() {
		c = "mesh"
	}
	return fmt.Sprintf("%s %s", c, target.oracle.version)
}
