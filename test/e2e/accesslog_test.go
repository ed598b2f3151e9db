package e2e

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire/wiretest"
	"github.com/kafkamesh/envoy-kafka-mesh/test/rawkafka"
	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

var rewrite = flag.Bool("update", false, "rewrite testdata")

// logged is a mesh of two clusters, one of which does not exist, that logs to files: requests to one, and Envoy's connections to another.
type logged struct {
	mesh                  stack.Mesh
	requests, connections string
}

// envoyLog is the access log of a listener, in which Envoy prints what the filter tells it.
const envoyLog = `{name: kafka, access_log: [{name: envoy.access_loggers.file, typed_config: {
    "@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog, path: %q,
    log_format: {json_format: {
      metadata: "%%DYNAMIC_METADATA(kafkamesh)%%", client_id: "%%DYNAMIC_METADATA(kafkamesh:client_id)%%",
      last_request: "%%FILTER_STATE(kafkamesh.last_request:PLAIN)%%", last_failure: "%%FILTER_STATE(kafkamesh.last_failure:PLAIN)%%"}}}}], `

func newLogged(t *testing.T) *logged {
	t.Helper()
	fake, dir := stack.Fake(t, stack.FakeOptions{}), t.TempDir()
	stack.CreateTopics(t, fake.Addr(), stack.TopicOptions{}, "apples")
	l := &logged{
		mesh:     stack.TwoClusters(stack.Addr(t), fake.Addr(), stack.Addr(t)), // nobody listens there
		requests: filepath.Join(dir, "requests"), connections: filepath.Join(dir, "connections"),
	}
	l.mesh = withLog(t, l.mesh, l.requests)
	return l
}

// withLog is a mesh that writes every request to a file.
func withLog(t *testing.T, m stack.Mesh, file string) stack.Mesh {
	t.Helper()
	m.Text = strings.TrimSuffix(configOf(t, &m), "}") + fmt.Sprintf(`, "access_log": {"path": %q}}`, file)
	return m
}

// bootstrap is Envoy's configuration.
func (l *logged) bootstrap(t *testing.T) string {
	t.Helper()
	text := stack.Bootstrap(l.mesh.Addr, stack.AsStruct(configOf(t, &l.mesh)))
	return strings.Replace(text, "{name: kafka, ", fmt.Sprintf(envoyLog, l.connections), 1)
}

// loggedBatch is a record batch of two records.
func loggedBatch() []byte { return wiretest.Batch{Records: wiretest.Records(2, 10)}.Bytes() }

// requests and connections are how many there are in what send sends.
const requests, connections = 10, 3

// send sends what is answered in every way, on three connections, each of which is closed before the next begins.
func (l *logged) send(t *testing.T) {
	t.Helper()
	good := rawkafka.Connect(t, l.mesh.Addr, "orders")
	good.Ask(rawkafka.APIVersions("librdkafka", "2.16.0"))
	good.Ask(rawkafka.Metadata("apples", "dates"))
	good.Ask(rawkafka.Produce(9, -1, "apples", 0, loggedBatch()))
	old := kmsg.MessageV0{Key: []byte("key"), Value: []byte("value")}
	good.Ask(rawkafka.Produce(1, 1, "apples", 0, wiretest.SealMessage(old.AppendTo(nil))))
	good.Send(rawkafka.Produce(9, 0, "apples", 0, loggedBatch()))
	good.Ask(rawkafka.Metadata("apples"))
	good.Close()

	bad := rawkafka.Connect(t, l.mesh.Addr, "in\nvoices\"")
	bad.Ask(rawkafka.Produce(9, -1, "dates", 0, loggedBatch()))
	bad.Ask(rawkafka.Produce(9, -1, "bananas", 0, loggedBatch()))
	bad.Ask(rawkafka.Produce(9, 2, "apples", 0, loggedBatch()))
	bad.Close()

	closed := rawkafka.Connect(t, l.mesh.Addr, "metrics")
	closed.Send(rawkafka.Produce(9, 0, "dates", 0, loggedBatch()))
	closed.WantClosed()
}

// without is a line without what differs from run to run, which has to be there and plausible.
func without(t *testing.T, line string) string {
	t.Helper()
	var l struct {
		Time      time.Time `json:"time"`
		Client    string    `json:"client"`
		Local     string    `json:"local_address"`
		All       int64     `json:"duration_us"`
		Waiting   int64     `json:"waiting_us"`
		Upstream  int64     `json:"upstream_us"`
		Answering int64     `json:"answering_us"`
		API       string    `json:"api"`
		Clusters  []string  `json:"clusters"`
		Outcome   string    `json:"outcome"`
	}
	if err := json.Unmarshal([]byte(line), &l); err != nil {
		t.Errorf("line %s: %v", line, err)
	}
	ago := time.Since(l.Time)
	if ago < 0 || ago > time.Hour || !strings.HasPrefix(l.Client, "127.0.0.1:") || !strings.HasPrefix(l.Local, "127.0.0.1:") {
		t.Errorf("line %s: an address or the time is wrong", line)
	}
	if l.All < 0 || l.All != l.Waiting+l.Upstream+l.Answering || l.API == "Produce" && l.Clusters != nil && l.Outcome == "ok" && l.Upstream == 0 {
		t.Errorf("line %s: times are wrong", line)
	}
	_, line, _ = strings.Cut(line, `"client_id"`)
	line, _, _ = strings.Cut(line, `,"duration_us"`)
	return `{"client_id"` + line + "}"
}

// lines waits for a file to have so many.
func lines(t *testing.T, file string, n int) []string {
	t.Helper()
	for deadline := time.Now().Add(stack.StartTimeout); ; {
		text, err := os.ReadFile(file)
		if err == nil && bytes.Count(text, []byte("\n")) >= n {
			return strings.Split(strings.TrimSpace(string(text)), "\n")
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s has not %d lines: %v\n%s", file, n, err, text)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// connectionsOf are Envoy's lines by client, with the lines of requests in them as without leaves them.
func (l *logged) connectionsOf(t *testing.T) string {
	t.Helper()
	var all []string
	for _, line := range lines(t, l.connections, connections) {
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			t.Errorf("line %s: %v", line, err)
		}
		for _, name := range []string{"last_request", "last_failure"} {
			if text, ok := fields[name].(string); ok {
				fields[name] = json.RawMessage(without(t, text))
			}
		}
		text, err := json.MarshalIndent(fields, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(text))
	}
	return byClient(all)
}

// requestsOf are the lines of requests by client.
func (l *logged) requestsOf(t *testing.T) string {
	t.Helper()
	var all []string
	for _, line := range lines(t, l.requests, requests) {
		all = append(all, without(t, line))
	}
	return byClient(all)
}

// byClient has those of a client together, in their order: workers do not wait for each other to write.
func byClient(all []string) string {
	slices.SortStableFunc(all, func(a, b string) int { return strings.Compare(clientOf(a), clientOf(b)) })
	return strings.Join(all, "\n") + "\n"
}

// clientOf is how a line begins.
func clientOf(line string) string {
	client, _, _ := strings.Cut(line, ",")
	return client
}

func wantText(t *testing.T, file, got string) {
	t.Helper()
	if *rewrite {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

// TestAccessLog has each Envoy and the plain binary log what is answered in every way, and each Envoy print in its own access log what the
// filter tells it of connections.
func TestAccessLog(t *testing.T) {
	t.Parallel()
	for _, version := range stack.EnvoyVersions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			l := newLogged(t)
			stack.Envoy(t, stack.EnvoyOptions{
				Version: version, Config: l.bootstrap(t), Args: []string{"--file-flush-interval-msec", "50"},
			})
			l.send(t)
			wantText(t, "testdata/requests.jsonl", l.requestsOf(t))
			wantText(t, "testdata/connections.json", l.connectionsOf(t))
		})
	}
	t.Run("standalone", func(t *testing.T) {
		t.Parallel()
		l := newLogged(t)
		stack.Standalone(t, &l.mesh)
		l.send(t)
		wantText(t, "testdata/requests.jsonl", l.requestsOf(t))
	})
}

// TestAccessLogIsCompleteAtTheEnd has Envoy and the plain binary end right after an answer: its line is in the file.
func TestAccessLogIsCompleteAtTheEnd(t *testing.T) {
	t.Parallel()
	const many = 50
	check := func(t *testing.T, l *logged, stop func()) {
		t.Helper()
		c := rawkafka.Connect(t, l.mesh.Addr, "orders")
		for range many {
			c.Ask(rawkafka.Produce(9, -1, "apples", 0, loggedBatch()))
		}
		c.Close() // so that nobody has to be waited for
		stop()
		text, err := os.ReadFile(l.requests)
		if got := bytes.Count(text, []byte("\n")); err != nil || got != many {
			t.Errorf("%d lines, want %d: %v", got, many, err)
		}
	}
	for _, version := range stack.EnvoyVersions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			l := newLogged(t)
			e := stack.Envoy(t, stack.EnvoyOptions{Version: version, Config: l.bootstrap(t)})
			check(t, l, e.Stop)
		})
	}
	t.Run("standalone", func(t *testing.T) {
		t.Parallel()
		l := newLogged(t)
		s := stack.Standalone(t, &l.mesh)
		check(t, l, s.Stop)
	})
}

// TestAccessLogGoesOn has a configuration replaced while the one before still has a client, and the file renamed: both write to it, and what
// comes later is in a new one.
func TestAccessLogGoesOn(t *testing.T) {
	t.Parallel()
	l := newLogged(t)
	s := stack.Standalone(t, &l.mesh)
	produce := func(id string) {
		rawkafka.Connect(t, l.mesh.Addr, id).Ask(rawkafka.Produce(9, -1, "apples", 0, loggedBatch()))
	}
	produce("before")
	config := configOf(t, &l.mesh)
	reload(t, s, strings.Replace(config, "{", `{"unmatched_topic": 1, `, 1), "msg=reloaded")
	produce("after")
	if got := lines(t, l.requests, 2); len(got) != 2 || !strings.Contains(got[0], "before") || !strings.Contains(got[1], "after") {
		t.Errorf("lines %q, want one from before and one from after the reload", got)
	}
	if err := os.Rename(l.requests, l.requests+".1"); err != nil {
		t.Fatal(err)
	}
	produce("rotated")
	if got := lines(t, l.requests, 1); len(got) != 1 || !strings.Contains(got[0], "rotated") {
		t.Errorf("lines %q, want one from after the rotation", got)
	}
}
