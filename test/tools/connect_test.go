//go:build onrequest

package tools

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// TestConnect has a worker of Connect, which keeps what it knows in three topics and is a member of a group, read a file into a topic of
// one cluster and write that topic and one of the other cluster into a file. The worker ends in the middle, and another goes on where
// it was: each line arrives once.
//
//nolint:tparallel // one way after the other
func TestConnect(t *testing.T) {
	t.Parallel()
	onEachWay(t, func(t *testing.T, w way) {
		t.Helper()
		dir := t.TempDir()
		apples, bananas := w.apples("connect"), w.bananas("connect")
		w.create(t, []string{apples}, []string{bananas})
		in, out := file(t, dir, "in", "%s", text("a", 0, 100)), filepath.Join(dir, "out")
		write(t, w.second(), bananas, strings.Fields(text("b", 0, 100))...)
		one := w.worker(t, dir)
		one.put(t, "source-"+w.name, fmt.Sprintf(`{"connector.class": "org.apache.kafka.connect.file.FileStreamSourceConnector",
			"file": %q, "topic": %q}`, in, apples))
		one.put(t, "sink-"+w.name, fmt.Sprintf(`{"connector.class": "org.apache.kafka.connect.file.FileStreamSinkConnector",
			"file": %q, "topics": %q, "tasks.max": "2"}`, out, apples+","+bananas))
		one.awaitLines(t, out, text("a", 0, 100)+text("b", 0, 100))

		more, err := os.OpenFile(in, os.O_APPEND|os.O_WRONLY, 0)
		stack.Check(t, err)
		_, err = more.WriteString(text("a", 100, 150))
		stack.Check(t, err)
		stack.Check(t, more.Close())
		write(t, w.second(), bananas, strings.Fields(text("b", 100, 150))...)
		w.worker(t, dir).awaitLines(t, out, text("a", 0, 150)+text("b", 0, 150))
	})
}

// text is lines with a prefix and a number.
func text(prefix string, from, to int) string {
	var b strings.Builder
	for n := from; n < to; n++ {
		fmt.Fprintf(&b, "%s%d\n", prefix, n)
	}
	return b.String()
}

// worker is a worker of Connect.
type worker struct {
	*stack.Process

	addr string
}

func (w way) worker(t *testing.T, dir string) worker {
	t.Helper()
	addr := stack.Addr(t)
	config := file(t, dir, "worker", `bootstrap.servers=%s
group.id=connect-%[2]s
config.storage.topic=connect-configs-%[2]s
offset.storage.topic=connect-offsets-%[2]s
status.storage.topic=connect-status-%[2]s
config.storage.replication.factor=1
offset.storage.replication.factor=1
status.storage.replication.factor=1
offset.storage.partitions=3
key.converter=org.apache.kafka.connect.storage.StringConverter
value.converter=org.apache.kafka.connect.storage.StringConverter
consumer.auto.offset.reset=earliest
plugin.discovery=service_load
listeners=http://%[3]s
`, w.addr, w.name, addr)
	one := worker{launch(t, "Connect", w.java(context.Background(), "org.apache.kafka.connect.cli.ConnectDistributed", config)), addr}
	stack.Wait(t, "the worker to know its connectors", func() error {
		_, err := stack.Page(t.Context(), http.MethodGet, "http://"+addr+"/connectors")
		return err
	})
	return one
}

// put makes a connector.
func (c worker) put(t *testing.T, name, config string) {
	t.Helper()
	stack.Wait(t, "connector "+name, func() error { // a worker that is about to rebalance refuses
		return send(t, http.MethodPut, "http://"+c.addr+"/connectors/"+name+"/config", config, http.StatusCreated)
	})
}

// send sends JSON to a web server and wants an answer of a code.
func send(t *testing.T, method, url, body string, code int) error {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	stack.Check(t, err)
	req.Header.Set("Content-Type", "application/json")
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }() // it has been read
	said, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != code {
		err = fmt.Errorf("%s %s: %s: %s", method, url, resp.Status, bytes.TrimSpace(said))
	}
	return err
}

// awaitLines waits until a file has those lines, in any order, has the worker end, and wants no others.
func (c worker) awaitLines(t *testing.T, path, want string) {
	t.Helper()
	sorted := func(text string) []string { return slices.Sorted(slices.Values(strings.Fields(text))) }
	expect := sorted(want)
	found := func() []string {
		text, err := os.ReadFile(path)
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		return sorted(string(text))
	}
	stack.Wait(t, "the lines of "+path, func() error {
		if got := slices.Compact(found()); !slices.Equal(got, expect) {
			return fmt.Errorf("%d of %d lines", len(got), len(expect))
		}
		return nil
	})
	c.Stop()
	if got := found(); !slices.Equal(got, expect) {
		t.Errorf("%s has %d lines, want each of %d once", path, len(got), len(expect))
	}
}
