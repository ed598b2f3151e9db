package matrix

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/test/driver"
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
	args := []string{j.addr, strings.Join(j.topics, ","), strconv.Itoa(j.count)}
	for _, s := range j.settings {
		args = append(args, s.text)
	}
	var list []report
	for line := range strings.Lines(output(t, &c.Program, c.id(), j.pace, args)) {
		var r report
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Errorf("%s printed %q: %v", c.id(), line, err)
			continue
		}
		list = append(list, r)
	}
	return list
}

// output runs a program to its end and gives what it printed.
func output(t *testing.T, p *driver.Program, id string, pace time.Duration, args []string) string {
	t.Helper()
	dir := p.Installed(t)
	ctx, cancel := context.WithTimeout(t.Context(), runTimeout)
	defer cancel()
	cmd := p.Cmd(ctx, dir, args, []string{fmt.Sprintf("PACE_MS=%d", pace.Milliseconds())})
	var out, log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &log
	err := cmd.Run()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%s %s printed:\n%s", id, strings.Join(args, " "), tail(log.String()))
		}
	})
	if err != nil {
		t.Errorf("%s: %v (%v)", id, err, ctx.Err())
	}
	return out.String()
}

// tail keeps what a reader of a failure will read.
func tail(log string) string {
	const limit = 4_000
	if len(log) <= limit {
		return log
	}
	return "…" + log[len(log)-limit:]
}
