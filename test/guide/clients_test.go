package guide

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// sayingLimit bounds what a client is given to say what is wrong: some try for as long as they are let.
const sayingLimit = time.Minute

// clients runs the clients of docs/troubleshooting.md.
type clients struct{ t *testing.T }

// Names of the clients, as in the document. kcat is librdkafka too; confluent-kafka is Python's way to it.
const (
	java        = "Java"
	kcat        = "kcat"
	confluent   = "librdkafka"
	kafkaPython = "kafka-python"
	franz       = "franz-go"
)

// send has each client send a record, and returns what it printed.
func (c clients) send(addr, topic string) map[string]string {
	return map[string]string{
		java:        c.javaSend(addr, topic),
		kcat:        c.kcat("x", "-P", "-b", addr, "-t", topic, "-X", "message.timeout.ms=5000"),
		confluent:   c.ask(confluent, addr, "send="+topic),
		kafkaPython: c.ask(kafkaPython, addr, "send="+topic),
		franz:       c.ask(franz, addr, "send="+topic),
	}
}

// create has each client that can create a topic.
func (c clients) create(addr, topic string) map[string]string {
	return map[string]string{
		java:        c.java("", "org.apache.kafka.tools.TopicCommand", "--bootstrap-server", addr, "--create", "--topic", topic),
		confluent:   c.ask(confluent, addr, "create="+topic),
		kafkaPython: c.ask(kafkaPython, addr, "create="+topic),
		franz:       c.ask(franz, addr, "create="+topic),
	}
}

// sendWith has those that take properties on their command line send a record to the topic apples: Java's and librdkafka's.
func (c clients) sendWith(addr string, forJava, forKcat []string) map[string]string {
	const topic = "apples"
	args := []string{"-P", "-b", addr, "-t", topic, "-X", "message.timeout.ms=5000"}
	for _, property := range forKcat {
		args = append(args, "-X", property)
	}
	return map[string]string{java: c.javaSend(addr, topic, forJava...), kcat: c.kcat("x", args...)}
}

func (c clients) javaSend(addr, topic string, properties ...string) string {
	args := []string{"org.apache.kafka.tools.ConsoleProducer", "--bootstrap-server", addr, "--topic", topic}
	for _, property := range append(properties, "max.block.ms=6000", "delivery.timeout.ms=8000", "request.timeout.ms=6000", "linger.ms=0") {
		args = append(args, "--command-property", property)
	}
	return c.java("x", args...)
}

func (c clients) java(input string, args ...string) string {
	c.t.Helper()
	return c.run(input, nil, append([]string{
		"java", "-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
		"-cp", filepath.Join(c.installed("tools-4.3.1"), "libs", "*"),
	}, args...)...)
}

func (c clients) kcat(input string, args ...string) string {
	c.t.Helper()
	dir := c.installed("kcat-1.7.1")
	return c.run(input, []string{"LD_LIBRARY_PATH=" + filepath.Join(dir, "lib")}, append([]string{filepath.Join(dir, "usr", "bin", "kcat")}, args...)...)
}

// ask runs a program of the client matrix, see test/matrix.
func (c clients) ask(client, addr, question string) string {
	c.t.Helper()
	programs := top(c.t, "test/matrix/clients")
	python := func(dir string) []string {
		return []string{"PYTHONPATH=" + c.installed(dir) + string(os.PathListSeparator) + filepath.Join(programs, "python")}
	}
	switch client {
	case confluent:
		return c.run("", python("python"), "python3", filepath.Join(programs, "confluent-kafka", "ask.py"), addr, question)
	case kafkaPython:
		return c.run("", python("kafka-python-3.0.12"), "python3", filepath.Join(programs, "kafka-python", "ask.py"), addr, question)
	default:
		return c.run("", nil, filepath.Join(c.installed("go"), "client"), "franz-go", "ask", addr, question)
	}
}

func (c clients) installed(name string) string {
	c.t.Helper()
	all, err := stack.Clients(c.t.Context())
	stack.Check(c.t, err)
	dir := filepath.Join(all, name)
	if _, err := os.Stat(dir); err != nil {
		stack.Check(c.t, &stack.MissingError{Part: name, Cure: "build/install-clients.sh " + name})
	}
	return dir
}

// run gives what a program printed, whether it went well or not, and however long it would have gone on.
func (c clients) run(input string, env []string, args ...string) string {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), sayingLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env, cmd.Stdin = append(os.Environ(), env...), strings.NewReader(input)
	out, err := cmd.CombinedOutput()
	return fmt.Sprintf("%s\n%v", out, err)
}
