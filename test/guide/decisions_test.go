package guide

import (
	"flag"
	"fmt"
	"strings"
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/test/document"
)

var update = flag.Bool("update", false, "rewrite the index of docs/decisions.md")

const (
	decisions     = "docs/decisions.md"
	decisionLines = 15 // tables excepted
)

// TestIndex compares the index of docs/decisions.md with its headings.
func TestIndex(t *testing.T) {
	t.Parallel()
	var index strings.Builder
	for line := range strings.Lines(fenced.ReplaceAllString(read(t, decisions), "")) {
		line = strings.TrimSpace(line)
		if group, ok := strings.CutPrefix(line, "## "); ok {
			fmt.Fprintf(&index, "\n**[%s](#%s)**\n\n", group, anchor(group))
		}
		if question, ok := strings.CutPrefix(line, "### "); ok {
			fmt.Fprintf(&index, "- [%s](#%s)\n", question, anchor(question))
		}
	}
	document.Compare(t, top(t, decisions), "<!-- index: go test ./test/guide -run TestIndex -update -->\n", "\n<!-- end -->", index.String(), *update)
}

// TestDecisionsAreShort: each decision is a question, below the heading of a group, and its answer is not long.
func TestDecisionsAreShort(t *testing.T) {
	t.Parallel()
	groups := strings.Split(read(t, decisions), "\n## ")
	for _, group := range groups[1:] {
		for _, decision := range strings.Split(group, "\n### ")[1:] {
			question, answer, _ := strings.Cut(decision, "\n")
			if !strings.HasSuffix(question, "?") {
				t.Errorf("%q is not a question", question)
			}
			lines := 0
			for line := range strings.Lines(answer) {
				if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "|") {
					lines++
				}
			}
			if lines > decisionLines {
				t.Errorf("%q has %d lines, more than %d", question, lines, decisionLines)
			}
		}
	}
}
