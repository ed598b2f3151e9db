package e2e

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

const memberPartitions = 4 // of each topic

// group is a group over two topics of two clusters, behind a plain binary.
type group struct {
	t        *testing.T
	name     string
	topics   []string // of the first cluster, and of the second
	pattern  string   // of their names, if they are not named
	clusters []*stack.KafkaCluster
	mesh     stack.Mesh
	plain    *stack.StandaloneProcess
	members  []*member
	produced int
}

// TestGroupsOverTwoClusters has members of a group of the new protocol (KIP-848), of Java and librdkafka, read topics of two clusters:
// they join, share, go on while the mesh is killed and started again, leave, and go on where the others have ended. Nothing is left out,
// nothing is read twice, and the offsets are where the topics are.
//
//nolint:paralleltest,tparallel // one after the other: each has several clients
func TestGroupsOverTwoClusters(t *testing.T) {
	t.Parallel()
	quick := map[string]string{
		"group.consumer.heartbeat.interval.ms": "500", "group.consumer.min.heartbeat.interval.ms": "500",
		"group.initial.rebalance.delay.ms": "0",
	}
	o := stack.KafkaOptions{Properties: quick}
	clusters := []*stack.KafkaCluster{stack.Kafka(t, o), stack.Kafka(t, o)}
	for _, first := range []string{"java", "confluent"} {
		second := map[string]string{"java": "confluent", "confluent": "java"}[first]
		t.Run(first, func(t *testing.T) {
			g := newGroup(t, first, clusters)
			one := g.join(first)
			g.produce(400)
			g.await("all partitions and records", one.owns(8), g.read())
			two := g.join(second)
			g.await("half of the partitions each", one.owns(4), two.owns(4))
			moves := one.moves() + two.moves()
			g.restart()
			g.produce(400)
			g.await("the records behind a mesh that was restarted", g.read())
			if n := one.moves() + two.moves(); n != moves {
				t.Errorf("partitions moved %d times because the mesh was restarted, want 0", n-moves)
			}
			two.leave()
			g.produce(200)
			g.await("all partitions again, and the records", one.owns(8), g.read())
			one.leave()
			g.produce(100)
			g.join(second)
			g.await("the records since the others left", g.read())
			g.members[2].leave()
			g.verify()
			p := g.byPattern()
			three := p.join(first)
			p.await("all partitions and records by a pattern", three.owns(8), p.read())
			three.leave()
			p.verify()
		})
	}
}

func newGroup(t *testing.T, name string, clusters []*stack.KafkaCluster) *group {
	t.Helper()
	g := &group{t: t, name: "members-of-" + name, clusters: clusters, topics: []string{"apples-" + name, "bananas-" + name}}
	for i, k := range clusters {
		stack.CreateTopics(t, k.Addr(), stack.TopicOptions{Partitions: memberPartitions}, g.topics[i])
	}
	g.mesh = stack.TwoClusters(stack.Addr(t), clusters[0].Addr(), clusters[1].Addr())
	g.plain = stack.Standalone(t, &g.mesh)
	return g
}

// byPattern is another group, over the same topics, whose members subscribe to what matches a regular expression. A topic that matches
// it is on a cluster too that it is not read from.
func (g *group) byPattern() *group {
	g.t.Helper()
	stack.CreateTopics(g.t, g.clusters[0].Addr(), stack.TopicOptions{Partitions: memberPartitions}, g.topics[1])
	p := *g
	p.name, p.pattern, p.members = g.name+"-by-pattern", "^("+strings.Join(g.topics, "|")+")$", nil
	return &p
}

// produce stores records in all partitions of both topics.
func (g *group) produce(n int) {
	g.t.Helper()
	for i, k := range g.clusters {
		c := stack.Client(g.t, k.Addr(), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.DefaultProduceTopic(g.topics[i]))
		var records []*kgo.Record
		for r := range n / 2 {
			records = append(records, &kgo.Record{Partition: int32(r % memberPartitions), Value: []byte("a record")})
		}
		stack.Check(g.t, c.ProduceSync(g.t.Context(), records...).FirstErr())
	}
	g.produced += n
}

// restart kills the mesh, and starts another on its address.
func (g *group) restart() {
	g.t.Helper()
	g.plain.Kill()
	g.plain = stack.Standalone(g.t, &g.mesh)
}

// await waits until all of that is so.
func (g *group) await(what string, ready ...func() error) {
	g.t.Helper()
	stack.Wait(g.t, what, func() error {
		for _, f := range ready {
			if err := f(); err != nil {
				return err
			}
		}
		return nil
	})
}

// read says whether all that was produced has been read.
func (g *group) read() func() error {
	return func() error {
		if n := len(g.reads()); n < g.produced {
			return fmt.Errorf("%d of %d records are read", n, g.produced)
		}
		return nil
	}
}

// reads counts how often each record was read.
func (g *group) reads() map[string]int {
	reads := map[string]int{}
	for _, m := range g.members {
		for _, line := range m.lines("READ ") {
			reads[line]++
		}
	}
	return reads
}

// verify checks that everything was read once, that nothing failed, and that each cluster has the offsets of its topic, and no other.
func (g *group) verify() {
	g.t.Helper()
	for _, record := range slices.Sorted(maps.Keys(g.reads())) {
		if n := g.reads()[record]; n != 1 {
			g.t.Errorf("%s is read %d times", record, n)
		}
	}
	for _, m := range g.members {
		if failed := m.lines("FAILED "); len(failed) > 0 {
			g.t.Errorf("%s: %s", m.name, firstLines(strings.Join(failed, "\n")))
		}
	}
	for i, k := range g.clusters {
		request := kmsg.NewPtrOffsetFetchRequest()
		request.Group, request.Topics = g.name, nil
		said := kmsg.NewOffsetFetchRequestGroup()
		said.Group, said.Topics = g.name, nil
		request.Groups = append(request.Groups, said)
		response, err := request.RequestWith(g.t.Context(), stack.Client(g.t, k.Addr()))
		stack.Check(g.t, err)
		sum := int64(0)
		for _, t := range response.Groups[0].Topics {
			for _, p := range t.Partitions {
				sum += p.Offset
			}
		}
		if topics := response.Groups[0].Topics; len(topics) != 1 || topics[0].Topic != g.topics[i] || int(sum) != g.produced/2 {
			g.t.Errorf("cluster %d has offsets that come to %d, of %v; want %d, of %s", i+1, sum, topics, g.produced/2, g.topics[i])
		}
	}
}

// member is a client that reads as one.
type member struct {
	t     *testing.T
	name  string
	out   stack.Output
	input io.Closer
	ended chan error
}

// join starts a client.
func (g *group) join(client string) *member {
	g.t.Helper()
	m := &member{t: g.t, name: fmt.Sprintf("%s %d", client, len(g.members)+1), ended: make(chan error, 1)}
	cmd := memberCommand(g.t, client, g.mesh.Addr, g.name, cmp.Or(g.pattern, strings.Join(g.topics, ",")))
	cmd.Env = append(cmd.Environ(), "GROUP_PROTOCOL=consumer")
	var log stack.Output
	cmd.Stdout, cmd.Stderr = &m.out, &log
	input, err := cmd.StdinPipe()
	stack.Check(g.t, err)
	m.input = input
	stack.Check(g.t, cmd.Start())
	go func() { m.ended <- cmd.Wait() }()
	g.t.Cleanup(func() {
		if g.t.Failed() {
			g.t.Logf("%s:\n%s\nits log:\n%s", m.name, stack.Tail(m.out.String()), stack.Tail(log.String()))
		}
		_ = cmd.Process.Kill() // if it has not ended
	})
	g.members = append(g.members, m)
	return m
}

func memberCommand(t *testing.T, client string, args ...string) *exec.Cmd {
	t.Helper()
	ctx := context.WithoutCancel(t.Context()) // it is ended when the test cleans up
	dir, err := stack.Clients(ctx)
	stack.Check(t, err)
	if client == "confluent" {
		cmd := exec.CommandContext(ctx, "python3", append([]string{"clients/python/member.py"}, args...)...)
		cmd.Env = append(os.Environ(), "PYTHONPATH="+filepath.Join(dir, "python"))
		return cmd
	}
	if _, err := exec.LookPath("java"); err != nil {
		stack.Check(t, &stack.MissingError{Part: "java", Cure: "install a Java runtime, 17 or newer"})
	}
	dir = filepath.Join(dir, "java-4.3.1")
	classPath := filepath.Join(dir, "classes") + string(os.PathListSeparator) + filepath.Join(dir, "libs", "*")
	return exec.CommandContext(ctx, "java", append([]string{
		"-Xmx96m", "-XX:+UseSerialGC", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", classPath, "Member",
	}, args...)...)
}

// leave has it leave the group, and waits until it has.
func (m *member) leave() {
	m.t.Helper()
	stack.Check(m.t, m.input.Close())
	select {
	case err := <-m.ended:
		if err != nil || len(m.lines("LEFT")) != 1 {
			m.t.Fatalf("%s ended with %v, and has not left", m.name, err)
		}
	case <-m.t.Context().Done():
	}
}

// lines are what it printed that begins so, whole lines only.
func (m *member) lines(prefix string) []string {
	text := m.out.String()
	var found []string
	for line := range strings.SplitSeq(text[:strings.LastIndexByte(text, '\n')+1], "\n") {
		if strings.HasPrefix(line, prefix) {
			found = append(found, line)
		}
	}
	return found
}

// moves is how often its partitions have changed.
func (m *member) moves() int { return len(m.lines("OWNS")) }

// owns says whether it owns so many partitions, as many of each topic.
func (m *member) owns(n int) func() error {
	return func() error {
		all := m.lines("OWNS")
		if len(all) == 0 {
			return fmt.Errorf("%s owns nothing yet", m.name)
		}
		last := all[len(all)-1]
		if strings.Count(last, " apples-") != n/2 || strings.Count(last, " bananas-") != n/2 {
			return fmt.Errorf("%s has %s, want %d partitions", m.name, last, n)
		}
		return nil
	}
}
