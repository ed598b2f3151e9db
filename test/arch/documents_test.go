package arch

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/test/document"
)

const (
	top           = "../.."
	decisions     = "docs/decisions.md"
	decisionLines = 15 // tables excepted
)

var update = flag.Bool("update", false, "rewrite the index of docs/decisions.md")

// TestLinks checks that what documents link to is there: files, folders and headings.
func TestLinks(t *testing.T) {
	t.Parallel()
	for _, file := range document.Files(t, top) {
		for _, link := range document.Links(document.Read(t, top, file)) {
			to, heading, _ := strings.Cut(link, "#")
			target := file
			if to != "" {
				target = filepath.Join(filepath.Dir(file), to)
			}
			if err := there(t, target, heading); err != nil {
				t.Errorf("%s links to %s: %v", file, link, err)
			}
		}
	}
}

// there says why a file, or a heading in it, is not there.
func there(t *testing.T, file, heading string) error {
	t.Helper()
	if _, err := os.Stat(filepath.Join(top, file)); err != nil || heading == "" {
		return err
	}
	called := func(h document.Heading) bool { return h.Anchor() == heading }
	if !slices.ContainsFunc(document.Headings(document.Read(t, top, file)), called) {
		return errors.New("there is no such heading")
	}
	return nil
}

// TestDecisionsHaveAnIndex compares the index of docs/decisions.md with its headings.
func TestDecisionsHaveAnIndex(t *testing.T) {
	t.Parallel()
	var index strings.Builder
	for _, h := range document.Headings(document.Read(t, top, decisions)) {
		switch h.Level {
		case 2:
			fmt.Fprintf(&index, "\n**[%s](#%s)**\n\n", h.Title, h.Anchor())
		case 3:
			fmt.Fprintf(&index, "- [%s](#%s)\n", h.Title, h.Anchor())
		}
	}
	document.Compare(t, filepath.Join(top, decisions), "<!-- index: go test ./test/arch -update -->\n", "\n<!-- end -->", index.String(), *update)
}

// TestDecisionsAreShort: each decision is a question, below the heading of a group, and its answer is not long.
func TestDecisionsAreShort(t *testing.T) {
	t.Parallel()
	for _, group := range strings.Split(document.Read(t, top, decisions), "\n## ")[1:] {
		for _, decision := range strings.Split(group, "\n### ")[1:] {
			question, answer, _ := strings.Cut(decision, "\n")
			if !strings.HasSuffix(question, "?") {
				t.Errorf("%q is not a question", question)
			}
			if lines := textLines(answer); lines > decisionLines {
				t.Errorf("%q has %d lines, more than %d", question, lines, decisionLines)
			}
		}
		if question, _, _ := strings.Cut(group, "\n"); strings.HasSuffix(question, "?") {
			t.Errorf("%q is a decision, and belongs below the heading of a group, with ### before it", question)
		}
	}
}

// textLines counts the lines of text, without those of tables.
func textLines(text string) (lines int) {
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "|") {
			lines++
		}
	}
	return lines
}
