package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// clientTimeout bounds one run of a client, so that one that hangs fails its test and not the whole run.
const clientTimeout = 2 * time.Minute

// outcome is what a client says became of its records.
type outcome struct {
	stored, failed int
	failures       string // a line "FAILED topic number: reason" for each that failed
}

// client is a Kafka producer with every setting at its default.
type client struct {
	name string
	run  func(ctx context.Context, t *testing.T, addr string, s sending) outcome
}

func clients() []client {
	return []client{{"java", runJava}, {"confluent", runPython}, {"franz", runFranz}}
}

// send runs the client, and returns what it was asked to send and what became of it.
func (c client) send(t *testing.T, addr string, count int, topics ...string) (sending, outcome) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), clientTimeout)
	defer cancel()
	s := sending{client: c.name, count: count, topics: topics}
	return s, c.run(ctx, t, addr, s)
}

// mustSend runs the client and fails the test if a record was not taken.
func (c client) mustSend(t *testing.T, addr string, count int, topics ...string) sending {
	t.Helper()
	s, got := c.send(t, addr, count, topics...)
	if got.stored != count || got.failed != 0 {
		t.Fatalf("%s stored %d and lost %d of %d records:\n%s", c.name, got.stored, got.failed, count, firstLines(got.failures))
	}
	return s
}

func runJava(ctx context.Context, t *testing.T, addr string, s sending) outcome {
	t.Helper()
	if _, err := exec.LookPath("java"); err != nil {
		stack.Check(t, &stack.MissingError{Part: "java", Cure: "install a Java runtime, 17 or newer"})
	}
	dir, err := stack.Clients(ctx)
	stack.Check(t, err)
	dir = filepath.Join(dir, "java-4.3.1")
	classPath := filepath.Join(dir, "classes") + string(os.PathListSeparator) + filepath.Join(dir, "libs", "*")
	return runCommand(t, s, exec.CommandContext(ctx, "java", "-Xmx128m", "-XX:+UseSerialGC",
		"-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", classPath, "Produce", addr, s.client,
		strconv.Itoa(s.count), strings.Join(s.topics, ",")))
}

func runPython(ctx context.Context, t *testing.T, addr string, s sending) outcome {
	t.Helper()
	dir, err := stack.Clients(ctx)
	stack.Check(t, err)
	cmd := exec.CommandContext(ctx, "python3", "clients/python/produce.py", addr, s.client,
		strconv.Itoa(s.count), strings.Join(s.topics, ","))
	cmd.Env = append(os.Environ(), "PYTHONPATH="+filepath.Join(dir, "python"))
	return runCommand(t, s, cmd)
}

func runCommand(t *testing.T, s sending, cmd *exec.Cmd) outcome {
	t.Helper()
	var out, log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &log
	err := cmd.Run()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("log of %s:\n%s", s.client, stack.Tail(log.String()))
		}
	})
	text := out.String()
	at := strings.LastIndex(text, "DONE ")
	if err != nil || at < 0 {
		t.Fatalf("%s: %v\n%s", s.client, err, firstLines(text))
	}
	var got outcome
	if _, err := fmt.Sscanf(text[at:], "DONE stored=%d failed=%d", &got.stored, &got.failed); err != nil {
		t.Fatalf("%s: %v: %s", s.client, err, text[at:])
	}
	got.failures = text[:at]
	return got
}

// runFranz runs franz-go in this process. Unlike the others it does not ask for topics to be created, unless it is told to.
func runFranz(ctx context.Context, t *testing.T, addr string, s sending) outcome {
	t.Helper()
	return sendAll(ctx, stack.Client(t, addr, kgo.AllowAutoTopicCreation()), s)
}

func sendAll(ctx context.Context, c *kgo.Client, s sending) outcome {
	var stored atomic.Int32
	failures := make(chan string, s.count)
	for i := range s.count {
		r := record(s.client, s.topics[i%len(s.topics)], i)
		c.Produce(ctx, r, func(r *kgo.Record, err error) {
			if err == nil {
				stored.Add(1)
				return
			}
			failures <- fmt.Sprintf("FAILED %s %d: %v\n", r.Topic, i, err)
		})
	}
	if err := c.Flush(ctx); err != nil {
		failures <- fmt.Sprintf("flush: %v\n", errors.Join(err, ctx.Err()))
	}
	close(failures)
	got := outcome{stored: int(stored.Load()), failed: s.count - int(stored.Load())}
	for f := range failures {
		got.failures += f
	}
	return got
}

func firstLines(text string) string {
	const limit = 2000
	return text[:min(len(text), limit)]
}
