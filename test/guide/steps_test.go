package guide

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/test/document"
	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// walk is somebody who follows a document from its beginning, in a copy of the tree.
type walk struct {
	t     *testing.T
	env   []string
	dir   string // the copy
	state string // what a shell leaves to the next: its folder and its variables

	begun []*command
}

// command is a block that was begun.
type command struct {
	block document.Block
	cmd   *exec.Cmd
	out   *stack.Output
	done  chan struct{}
}

func newWalk(t *testing.T, w *world) *walk {
	t.Helper()
	dir := t.TempDir()
	tree := filepath.Join(dir, "envoy-kafka-mesh")
	copyTree(t, tree)
	k := &walk{t: t, env: w.environment(), dir: tree, state: filepath.Join(dir, "state")}
	if err := os.Mkdir(k.state, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.end)
	return k
}

// copyTree copies what git has, what is new, and what is built. Folders of .cache are the tree's own.
func copyTree(t *testing.T, to string) {
	t.Helper()
	root := top(t, "")
	command := `set -o pipefail
mkdir -p "$1"
git ls-files -z --cached --others --exclude-standard | xargs -0 sh -c 'for f; do [ -e "$f" ] && printf "%s\0" "$f"; done' sh |
	tar --null -T - -c | tar -x -C "$1"
if [ -d build/out ]; then
	mkdir -p "$1/build/out"
	for f in libkafkamesh.so libkafkamesh-contrib.so kafkamesh; do [ ! -e build/out/$f ] || cp -p --reflink=auto build/out/$f "$1/build/out"; done
fi
ln -s "$(readlink -f .cache)" "$1/.cache"`
	cmd := exec.CommandContext(t.Context(), "bash", "-ec", command, "bash", to)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("copy the tree: %v\n%s", err, out)
	}
}

// follow does what a document says, and stops at the first thing that does not work.
func (k *walk) follow(list []document.Block) {
	k.t.Helper()
	for _, b := range list {
		switch kind, about := b.Kind(); {
		case kind == "file":
			k.write(b, about)
		case kind == "printed":
			k.wantPrinted(b)
		case b.Shell() && kind == "stays":
			k.start(b, about)
		case b.Shell() && kind == "fails":
			k.run(b, about)
		case b.Shell() && b.Note == "":
			k.run(b, "")
		}
		if k.t.Failed() {
			k.t.FailNow()
		}
	}
}

// shell is a block as one that follows others in the same terminal.
func (k *walk) shell(b document.Block) *exec.Cmd {
	script := fmt.Sprintf(`set -eo pipefail
if [ -e %[1]s/env ]; then . %[1]s/env; cd "$PWD"; fi
%[2]s
export -p >%[1]s/env`, k.state, b.Text)
	cmd := exec.Command("bash", "-c", script)
	cmd.Dir, cmd.Env = k.dir, k.env
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	return cmd
}

// run runs a block to its end. It has to fail, and say why, if failure is not empty.
func (k *walk) run(b document.Block, failure string) {
	k.t.Helper()
	s := k.begin(b)
	select {
	case <-s.done:
	case <-time.After(blockLimit):
		s.stop()
		k.t.Fatalf("%s does not end:\n%s\n%s", &b, b.Text, s.out)
	}
	if s.cmd.ProcessState.Success() == (failure != "") || !strings.Contains(s.out.String(), failure) {
		k.t.Fatalf("%s: %s\n%s\n%s%s", &b, s.cmd.ProcessState, b.Text, s.out, k.staying())
	}
}

// blockLimit bounds one block: the longest ones compile.
const blockLimit = 5 * time.Minute

// start runs a block that does not end, and waits until it has printed text.
func (k *walk) start(b document.Block, text string) {
	k.t.Helper()
	s := k.begin(b)
	stack.Wait(k.t, fmt.Sprintf("%s to print %q", &b, text), func() error {
		select {
		case <-s.done:
			k.t.Fatalf("%s ended: %s\n%s\n%s", &b, s.cmd.ProcessState, b.Text, s.out)
		default:
		}
		if !strings.Contains(s.out.String(), text) {
			return fmt.Errorf("it has printed\n%s", s.out)
		}
		return nil
	})
}

func (k *walk) begin(b document.Block) *command {
	k.t.Helper()
	s := &command{block: b, cmd: k.shell(b), out: &stack.Output{}, done: make(chan struct{})}
	s.cmd.Stdout, s.cmd.Stderr = s.out, s.out
	if err := s.cmd.Start(); err != nil {
		k.t.Fatal(err)
	}
	k.begun = append(k.begun, s)
	go func() {
		defer close(s.done)
		_ = s.cmd.Wait() // its state tells
	}()
	return s
}

// stop is Ctrl-C, which does nothing to what has ended. It tells whether that was enough.
func (s *command) stop() bool {
	_ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGINT) // it may have ended
	select {
	case <-s.done:
		return true
	case <-time.After(stack.StartTimeout):
		_ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL)
		<-s.done
		return false
	}
}

func (k *walk) end() {
	for _, s := range k.begun {
		if !s.stop() {
			k.t.Errorf("%s: Ctrl-C does not end it", &s.block)
		}
		_ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL) // what it has left in the background, if anything
	}
}

// staying is what the commands that go on have printed.
func (k *walk) staying() string {
	var text strings.Builder
	for _, s := range k.begun {
		if kind, _ := s.block.Kind(); kind == "stays" {
			fmt.Fprintf(&text, "\nMeanwhile %s has printed:\n%s", &s.block, stack.Tail(s.out.String()))
		}
	}
	return text.String()
}

// write makes a file in the folder where the shell is, or anywhere if its name says so.
func (k *walk) write(b document.Block, name string) {
	k.t.Helper()
	cmd := k.shell(document.Block{Text: "cat >" + name + " && pwd"})
	cmd.Stdin = strings.NewReader(b.Text)
	if out, err := cmd.CombinedOutput(); err != nil {
		k.t.Fatalf("%s: %v\n%s", &b, err, out)
	}
}

// wantPrinted wants the lines of a block, in order, in what the last command has printed, or one that goes on.
func (k *walk) wantPrinted(b document.Block) {
	k.t.Helper()
	want := printed(b.Text)
	stack.Wait(k.t, b.String()+" to be printed", func() error {
		last := k.begun[len(k.begun)-1]
		for _, s := range k.begun {
			if kind, _ := s.block.Kind(); (s == last || kind == "stays") && want.MatchString(spaces.ReplaceAllString(s.out.String(), " ")) {
				return nil
			}
		}
		return fmt.Errorf("it is not\n%s\nbut\n%s%s", b.Text, last.out, k.staying())
	})
}

var spaces = regexp.MustCompile(`[ \t]+`)

// printed matches what has the lines of text, where … stands for anything and a line of … for any lines.
func printed(text string) *regexp.Regexp {
	var lines []string
	for line := range strings.Lines(strings.TrimSpace(text)) {
		line = regexp.QuoteMeta(spaces.ReplaceAllString(strings.TrimSpace(line), " "))
		lines = append(lines, strings.ReplaceAll(line, "…", ".*"))
	}
	return regexp.MustCompile(`(?s)` + strings.Join(lines, `\s+(?:.*\n)?\s*`))
}

var errNoReason = errors.New("no reason is given")
