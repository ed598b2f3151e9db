package e2e

import (
	"strings"
	"testing"
)

// TestUnmatchedTopicFailsAlone sends to a topic that no rule matches and to one that a rule does, in turns: the first fails and is
// named, the second is stored as if nothing were.
func TestUnmatchedTopicFailsAlone(t *testing.T) {
	t.Parallel()
	p := shared(t)
	for _, c := range clients() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			const each, unmatched = 10, "cherries-nowhere"
			known := "apples-beside-" + c.name
			sent, got := c.send(t, p.mesh.Addr, 2*each, known, unmatched)
			if got.stored != each || got.failed != each {
				t.Errorf("stored %d, failed %d, want %d of each:\n%s", got.stored, got.failed, each, got.failures)
			}
			for line := range strings.Lines(got.failures) {
				if !strings.HasPrefix(line, "FAILED "+unmatched+" ") {
					t.Errorf("failure = %q, want it to name %s", line, unmatched)
				}
			}
			verifyTopic(t, p.apples.Addr(), known, sent)
		})
	}
}
