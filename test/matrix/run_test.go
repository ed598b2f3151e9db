package matrix

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// runTimeout bounds one run of a client, so that one that hangs fails its test and not the whole matrix. Some clients try
// a topic again for a minute before they give up.
const runTimeout = 4 * time.Minute

// perSetting is the distance between the numbers of two settings.
const perSetting = 1000

// job is what a client is asked to do.
type job struct {
	addr     string
	topics   []string
	count    int // records for each setting
	settings []setting
	pace     time.Duration // between records
}

// report is what a client says of one record, or with number -1 of a whole run.
type report struct {
	Setting int    `json:"setting"`
	Topic   string `json:"topic"`
	Number  int    `json:"number"`
	MS      int64  `json:"ms"`
	Error   string `json:"error"`
}

func (c *client) id() string { return strings.ReplaceAll(c.name+"-"+c.version, " ", "-") }

// run runs the client to its end.
func (c *client) run(t *testing.T, j job) []report {
	t.Helper()
	dir := c.installed(t)
	args := append(c.command(dir), j.addr, strings.Join(j.topics, ","), strconv.Itoa(j.count))
	for _, s := range j.settings {
		args = append(args, s.text)
	}
	var list []report
	for line := range strings.Lines(c.output(t, dir, j.pace, args)) {
		var r report
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Errorf("%s printed %q: %v", c.id(), line, err)
			continue
		}
		list = append(list, r)
	}
	return list
}

// output runs a program of the client to its end and gives what it printed.
func (c *client) output(t *testing.T, dir string, pace time.Duration, args []string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), runTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env = append(os.Environ(), fmt.Sprintf("PACE_MS=%d", pace.Milliseconds()))
	if c.env != nil {
		cmd.Env = append(cmd.Env, c.env(dir)...)
	}
	cmd.WaitDelay = time.Second // a child that outlives it may hold its output open
	var out, log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &log
	err := cmd.Run()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%s %s printed:\n%s", c.id(), strings.Join(args[len(c.command(dir)):], " "), tail(log.String()))
		}
	})
	if err != nil {
		t.Errorf("%s: %v (%v)", c.id(), err, ctx.Err())
	}
	return out.String()
}

// installed is the directory of the client, which is installed first if everything is required.
func (c *client) installed(t *testing.T) string {
	t.Helper()
	const script = "build/install-clients.sh"
	if stack.Required() {
		stack.Check(t, stack.Install(t.Context(), script, c.dir))
	}
	root, err := stack.Root()
	stack.Check(t, err)
	dir := filepath.Join(root, ".cache", "clients", c.dir)
	if _, err := os.Stat(dir); err != nil {
		stack.Check(t, &stack.MissingError{Part: c.id(), Cure: script + " " + c.dir})
	}
	program := c.command(dir)[0]
	if _, err := exec.LookPath(program); err != nil {
		stack.Check(t, &stack.MissingError{Part: program, Cure: "install it"})
	}
	return dir
}

// tail keeps what a reader of a failure will read.
func tail(log string) string {
	const limit = 4_000
	if len(log) <= limit {
		return log
	}
	return "…" + log[len(log)-limit:]
}
