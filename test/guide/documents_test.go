package guide

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// notRun are documents whose shell blocks are not run, and why.
var notRun = map[string]string{
	"docs/benchmarks/README.md": "its commands measure for an hour; `make bench-quick` is tried by whoever changes the benchmark",
}

// TestDocuments follows each document that has commands. They share ports, so they are followed one after another.
//
//nolint:paralleltest // the ports that documents name are theirs alone
func TestDocuments(t *testing.T) {
	w := inWorld(t)
	for _, file := range documents(t) {
		list := blocks(t, file)
		if notRun[file] != "" || !commands(list) {
			continue
		}
		for _, section := range sections(list) {
			if !commands(section) {
				continue
			}
			t.Run(file+"#"+anchor(section[0].section), func(t *testing.T) {
				_, err := stack.Binary()
				stack.Check(t, err)
				_, err = stack.ModuleDir()
				stack.Check(t, err)
				if names(section, "secure-kafka-1") {
					w.secure(t)
				}
				newWalk(t, w).follow(section)
			})
		}
	}
}

// sections are the blocks below each heading of the second level. Each is followed by somebody who has done nothing of the others.
func sections(list []block) (found [][]block) {
	for i, b := range list {
		if i == 0 || b.section != list[i-1].section {
			found = append(found, nil)
		}
		found[len(found)-1] = append(found[len(found)-1], b)
	}
	return found
}

func names(list []block, host string) bool {
	return slices.ContainsFunc(list, func(b block) bool { return strings.Contains(b.text, host) })
}

// documents are all files of Markdown.
func documents(t *testing.T) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md")
	cmd.Dir = top(t, "")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(out))
}

func commands(list []block) bool {
	for _, b := range list {
		if b.shell() {
			return true
		}
	}
	return false
}

// TestNotes checks that each block says what it is, in words that the runner knows, and that what is not run at least is a shell's.
func TestNotes(t *testing.T) {
	t.Parallel()
	for _, file := range documents(t) {
		for _, b := range blocks(t, file) {
			if err := check(t, b); err != nil {
				t.Errorf("%s: %v", &b, err)
			}
		}
	}
	for file := range notRun {
		if !commands(blocks(t, file)) {
			t.Errorf("%s has no commands", file)
		}
	}
}

func check(t *testing.T, b block) error {
	t.Helper()
	kind, about := b.kind()
	what, needs := strings.CutPrefix(kind, "needs ")
	switch {
	case b.language == "bash" || b.language == "shell" || b.language == "console":
		return fmt.Errorf("write sh in place of %s", b.language)
	case kind == "file" || kind == "logged" || (kind == "stays" || kind == "fails") && b.shell() || kind == "printed":
		if about == "" && kind != "printed" {
			return errNoReason
		}
		return nil
	case b.note == "" || !b.shell() && !needs:
		return nil
	case !needs:
		return fmt.Errorf("the line above says %q, which is not known", b.note)
	case about == "":
		return errNoReason
	}
	if missing := needed[what]; missing == nil || !missing(b) {
		return fmt.Errorf("it does not need %s, or nobody knows what that is", what)
	}
	if out, err := exec.CommandContext(t.Context(), "bash", "-nc", b.text).CombinedOutput(); err != nil {
		return fmt.Errorf("no shell reads it: %s", out)
	}
	return nil
}

// needed are what some places lack, and how a block shows that it needs it.
var needed = map[string]func(block) bool{
	"docker":         func(b block) bool { return strings.Contains(b.text, "docker ") },
	"systemd":        func(b block) bool { return strings.Contains(b.text, "systemctl ") },
	"contrib image":  func(b block) bool { return strings.Contains(b.text, "envoy ") || strings.Contains(b.text, "curl ") },
	"minutes":        func(b block) bool { return strings.Contains(b.text, "make ") },
	"a real cluster": func(b block) bool { return strings.Contains(b.text, "kafka-") },
}

// TestLinks checks that what documents link to is there: files, folders and headings.
func TestLinks(t *testing.T) {
	t.Parallel()
	for _, file := range documents(t) {
		for _, link := range links(t, file) {
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
