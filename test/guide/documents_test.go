package guide

import (
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/test/document"
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
	for _, file := range document.Files(t, top(t, "")) {
		list := document.Blocks(t, top(t, ""), file)
		if notRun[file] != "" || !commands(list) {
			continue
		}
		for _, section := range sections(list) {
			if !commands(section) {
				continue
			}
			t.Run(file+"#"+document.Heading{Title: section[0].Section}.Anchor(), func(t *testing.T) {
				_, err := stack.Binary()
				stack.Check(t, err)
				_, err = stack.ModuleDir()
				stack.Check(t, err)
				if names(section, "prometheus --") {
					_, err := stack.Prometheus(t.Context())
					stack.Check(t, err)
				}
				if names(section, "openssl ") {
					wantOpenSSL(t)
				}
				if names(section, "secure-kafka-1") {
					w.secure(t)
				}
				newWalk(t, w).follow(section)
			})
		}
	}
}

// wantOpenSSL ends the test as left out where there is no openssl, which some sections make certificates with.
func wantOpenSSL(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("openssl"); err != nil {
		stack.Check(t, &stack.MissingError{Part: "openssl", Cure: "install it; it makes the certificates of documents"})
	}
}

// sections are the blocks below each heading of the second level. Each is followed by somebody who has done nothing of the others.
func sections(list []document.Block) (found [][]document.Block) {
	for i, b := range list {
		if i == 0 || b.Section != list[i-1].Section {
			found = append(found, nil)
		}
		found[len(found)-1] = append(found[len(found)-1], b)
	}
	return found
}

func names(list []document.Block, host string) bool {
	return slices.ContainsFunc(list, func(b document.Block) bool { return strings.Contains(b.Text, host) })
}

func commands(list []document.Block) bool {
	for _, b := range list {
		if b.Shell() {
			return true
		}
	}
	return false
}

// TestNotes checks that each block says what it is, in words that the runner knows, and that what is not run at least is a shell's.
func TestNotes(t *testing.T) {
	t.Parallel()
	for _, file := range document.Files(t, top(t, "")) {
		for _, b := range document.Blocks(t, top(t, ""), file) {
			if err := check(t, b); err != nil {
				t.Errorf("%s: %v", &b, err)
			}
		}
	}
	for file := range notRun {
		if !commands(document.Blocks(t, top(t, ""), file)) {
			t.Errorf("%s has no commands", file)
		}
	}
}

func check(t *testing.T, b document.Block) error {
	t.Helper()
	kind, about := b.Kind()
	what, needs := strings.CutPrefix(kind, "needs ")
	switch {
	case b.Language == "bash" || b.Language == "shell" || b.Language == "console":
		return fmt.Errorf("write sh in place of %s", b.Language)
	case kind == "file" || kind == "logged" || (kind == "stays" || kind == "fails") && b.Shell() || kind == "printed":
		if about == "" && kind != "printed" {
			return errNoReason
		}
		return nil
	case b.Note == "" || !b.Shell() && !needs:
		return nil
	case !needs:
		return fmt.Errorf("the line above says %q, which is not known", b.Note)
	case about == "":
		return errNoReason
	}
	if missing := needed[what]; missing == nil || !missing(b) {
		return fmt.Errorf("it does not need %s, or nobody knows what that is", what)
	}
	if out, err := exec.CommandContext(t.Context(), "bash", "-nc", b.Text).CombinedOutput(); err != nil {
		return fmt.Errorf("no shell reads it: %s", out)
	}
	return nil
}

// needed are what some places lack, and how a block shows that it needs it.
var needed = map[string]func(document.Block) bool{
	"docker":  func(b document.Block) bool { return strings.Contains(b.Text, "docker ") },
	"systemd": func(b document.Block) bool { return strings.Contains(b.Text, "systemctl ") },
	"contrib image": func(b document.Block) bool {
		return strings.Contains(b.Text, "envoy ") || strings.Contains(b.Text, "curl ")
	},
	"a Kubernetes cluster": func(b document.Block) bool {
		return strings.Contains(b.Text, "kubectl ") || strings.Contains(b.Text, "helm ")
	},
	"minutes":        func(b document.Block) bool { return strings.Contains(b.Text, "make ") },
	"a real cluster": func(b document.Block) bool { return strings.Contains(b.Text, "kafka-") },
}
