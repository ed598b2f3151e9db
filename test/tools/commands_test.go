//go:build onrequest

package tools

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

const recordsOfStep = 4 // in each topic

// TestCommands types what administrators type of groups and topics, directly and through the mesh: what is printed is the same.
//
//nolint:tparallel // one way after the other
func TestCommands(t *testing.T) {
	t.Parallel()
	said := map[bool][]string{}
	onEachWay(t, func(t *testing.T, w way) {
		t.Helper()
		group := "orders-" + w.name
		apples, bananas := "apples-"+group, "bananas-"+group
		w.create(t, []string{apples}, []string{bananas})
		write(t, w.clusters[0], apples, lines(0, recordsOfStep)...)
		write(t, w.second(), bananas, lines(0, recordsOfStep)...)
		leave := w.join(t, group, apples, bananas)
		for _, s := range steps(group, apples, bananas) {
			if s.leaves {
				leave()
			}
			text := w.anonymous(s.typed(t, w))
			t.Logf("%s:\n%s", s.title, text)
			said[w.mesh] = append(said[w.mesh], text)
		}
	})
	if len(said[true]) != len(said[false]) {
		return // one of them has failed
	}
	var doc strings.Builder
	for i, s := range steps("orders-north", "apples-orders-north", "bananas-orders-north") {
		if d := cmp.Diff(sorted(said[false][i]), sorted(said[true][i])); d != "" {
			t.Errorf("%s (-directly +through the mesh):\n%s", s.title, d)
		}
		fmt.Fprintf(&doc, "%s:\n\n```\n%s```\n\n", s.title, said[true][i])
	}
	if *update && !t.Failed() {
		put(t, "commands", doc.String())
	}
}

// join makes a member of a group that has read all there is of topics, and committed; it leaves when it is told to.
func (w way) join(t *testing.T, group string, topics ...string) (leave func()) {
	t.Helper()
	reset := kgo.ConsumeResetOffset(kgo.NewOffset().AtStart())
	c, err := kgo.NewClient(kgo.SeedBrokers(w.addr), kgo.ConsumerGroup(group), kgo.ConsumeTopics(topics...), reset, kgo.ClientID("shop"))
	stack.Check(t, err)
	t.Cleanup(c.Close)
	left := recordsOfStep * len(topics)
	stack.Wait(t, "the member's records", func() error {
		left -= c.PollFetches(t.Context()).NumRecords()
		if left > 0 {
			return fmt.Errorf("%d records are missing", left)
		}
		return nil
	})
	stack.Check(t, c.CommitUncommittedOffsets(t.Context()))
	return c.Close
}

// typed types a step and gives what is seen of it. An exit code is not looked at: what is refused is said.
func (s step) typed(t *testing.T, w way) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), stack.StartTimeout)
	defer cancel()
	cmd := w.java(ctx, classes[s.program], append([]string{"--bootstrap-server", w.addr}, s.args...)...)
	out, err := cmd.CombinedOutput()
	var ended *exec.ExitError
	if ctx.Err() != nil || err != nil && !errors.As(err, &ended) {
		t.Fatalf("%s: %v: %s", s.title, err, out)
	}
	var text strings.Builder
	fmt.Fprintf(&text, "$ %s --bootstrap-server %s %s\n", s.program, w.addr, strings.Join(s.args, " "))
	for line := range strings.Lines(string(out)) {
		if strings.TrimSpace(line) != "" && strings.Contains(line, s.only) && !beside.MatchString(line) {
			text.WriteString(strings.TrimRight(line, " \n") + "\n")
		}
	}
	return text.String()
}

var (
	// beside is what is printed beside what is meant: traces of Java's stack, and advice.
	beside  = regexp.MustCompile(`^\s+at |^Caused by: |^java\.|KIP-848`)
	uuid    = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	node    = regexp.MustCompile(`127\.0\.0\.1:[0-9]+\s*\([0-9]+\)`)
	inside  = regexp.MustCompile(`\s*(TopicId|ReplicationFactor|Leader|Replicas|Isr|Elr|LastKnownElr|Configs):[^\t\n]*`)
	spaces  = regexp.MustCompile(` +`)
	someone = "0b7e4a52-6c1d-4f0e-9a38-2d5f8c6e1b94"
)

// anonymous is a text without what differs from run to run and from way to way: ids, addresses, and what is inside a cluster.
func (w way) anonymous(text string) string {
	text = node.ReplaceAllString(text, "kafka.example.com:9092 (0)")
	text = strings.ReplaceAll(text, w.addr, "kafka.example.com:9092")
	text = uuid.ReplaceAllString(text, someone)
	text = inside.ReplaceAllString(text, "")
	return strings.ReplaceAll(text, "-"+w.name, "-north")
}

// sorted are the lines of a text in order of the alphabet: tools print partitions as they are told of them.
func sorted(text string) []string {
	return slices.Sorted(strings.Lines(spaces.ReplaceAllString(text, " ")))
}

const document = "../../docs/tools.md"

// put puts a text into its place in the document.
func put(t *testing.T, name, text string) {
	t.Helper()
	is, err := os.ReadFile(document)
	stack.Check(t, err)
	begin, end := "<!-- begin "+name+" -->\n", "<!-- end -->\n"
	before, rest, found := strings.Cut(string(is), begin)
	_, after, ends := strings.Cut(rest, end)
	if !found || !ends {
		t.Fatalf("%s has no place for %s", document, name)
	}
	stack.Check(t, os.WriteFile(document, []byte(before+begin+text+end+after), 0o600))
}
