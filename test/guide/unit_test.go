package guide

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/test/document"
	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

const unit = "examples/standalone/kafkamesh.service"

// TestUnit starts what the unit for systemd starts, with the files where its page has them put, and reloads it.
//
//nolint:paralleltest // the ports that documents name are theirs alone
func TestUnit(t *testing.T) {
	w := inWorld(t)
	_, err := stack.Binary()
	stack.Check(t, err)
	commands := map[string][]string{}
	for line := range strings.Lines(read(t, unit)) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && strings.HasPrefix(key, "Exec") {
			commands[key] = append(commands[key], value)
		}
	}
	k := newWalk(t, w)
	k.run(document.Block{File: unit, Text: `install -D build/out/kafkamesh /usr/local/bin/kafkamesh
install -D -m 644 examples/standalone/mesh.yaml /etc/kafkamesh/mesh.yaml`}, "")
	k.run(document.Block{File: unit, Text: strings.Join(commands["ExecStartPre"], "\n")}, "")
	k.start(document.Block{File: unit, Text: strings.Join(commands["ExecStart"], "\n")}, "msg=listening")
	started := k.begun[len(k.begun)-1]
	k.run(document.Block{File: unit, Text: "MAINPID=$(pidof kafkamesh)\n" + strings.Join(commands["ExecReload"], "\n")}, "")
	stack.Wait(t, "a reload", func() error {
		if !strings.Contains(started.out.String(), "msg=reloaded") {
			return os.ErrNotExist
		}
		return nil
	})
}

// TestUnitIsRead has systemd read the unit.
func TestUnitIsRead(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Log("there is no systemd-analyze here")
		return
	}
	out, err := exec.CommandContext(t.Context(), "systemd-analyze", "verify", top(t, unit)).CombinedOutput()
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "kafkamesh.service") && !strings.Contains(line, "is not executable") {
			t.Errorf("%v: %s", err, line)
		}
	}
}
