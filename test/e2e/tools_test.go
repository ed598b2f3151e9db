package e2e

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kafkamesh/envoy-kafka-mesh/test/document"
	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

var updateTools = flag.Bool("update-tools", false, "rewrite what Kafka's tools say in docs/how-to.md")

// classes are what Kafka's scripts run.
var classes = map[string]string{
	"kafka-topics.sh":         "org.apache.kafka.tools.TopicCommand",
	"kafka-configs.sh":        "kafka.admin.ConfigCommand",
	"kafka-delete-records.sh": "org.apache.kafka.tools.DeleteRecordsCommand",
	"kafka-get-offsets.sh":    "org.apache.kafka.tools.GetOffsetShell",
	"kafka-cluster.sh":        "org.apache.kafka.tools.ClusterTool",
}

// tools runs Kafka's own tools against a mesh, and writes down what they say.
type tools struct {
	t          *testing.T
	addr       string
	classpath  string
	dir        string // where files of theirs are
	transcript strings.Builder
}

func newTools(t *testing.T, addr string) *tools {
	t.Helper()
	libs, err := stack.KafkaLibs(t.Context(), stack.KafkaVersion)
	stack.Check(t, err)
	clients, err := stack.Clients(t.Context())
	stack.Check(t, err)
	return &tools{
		t: t, addr: addr, dir: t.TempDir(),
		classpath: filepath.Join(libs, "*") + ":" + filepath.Join(clients, "tools-"+stack.KafkaVersion, "libs", "*"),
	}
}

// run runs one of the scripts, as a line of a shell has it, and notes what it says.
func (k *tools) run(line string) string {
	k.t.Helper()
	words := strings.Fields(line)
	args := []string{"-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error", "-Dlog4j2.level=OFF", "-cp", k.classpath, classes[words[0]]}
	if words[0] == "kafka-cluster.sh" {
		args = append(args, words[1])
		words = words[1:]
	}
	args = append(args, "--bootstrap-server", k.addr)
	cmd := exec.CommandContext(k.t.Context(), "java", append(args, words[1:]...)...)
	cmd.Dir = k.dir
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	_ = cmd.Run() // what went wrong is said
	said := k.tidy(out.String())
	if strings.HasPrefix(line, "kafka-delete-records.sh") { // it prints partitions as they come
		lines := slices.Collect(strings.Lines(said))
		slices.Sort(lines[min(2, len(lines)):])
		said = strings.Join(lines, "")
	}
	fmt.Fprintf(&k.transcript, "$ %s\n%s", line, said)
	return said
}

var (
	topicID = regexp.MustCompile(`TopicId: \S+`)
	java    = regexp.MustCompile(`(?m)^(WARNING|Picked up|SLF4J|\s+at |Caused by|\tat |\[main\] ERROR).*\n`)
	stamp   = regexp.MustCompile(`\[\d{4}-\d\d-\d\d [\d:,]+\] ERROR `)
)

// tidy takes out of what a tool says what is never the same, and what it says of Java.
func (k *tools) tidy(said string) string {
	said = topicID.ReplaceAllString(said, "TopicId: …")
	said = stamp.ReplaceAllString(said, "")
	said = java.ReplaceAllString(said, "")
	said = regexp.MustCompile(`[\t ]+`).ReplaceAllString(said, " ")
	said = regexp.MustCompile(`(?m)^ +| +$|^\(org\.apache.*\)$`).ReplaceAllString(said, "")
	said = strings.ReplaceAll(said, k.addr, "ENVOY")
	said = regexp.MustCompile(`\n+`).ReplaceAllString(strings.TrimSpace(said), "\n")
	if said == "" {
		return ""
	}
	return said + "\n"
}

// TestKafkasToolsAdministerTopics has Kafka's own tools create, describe, alter and delete topics of two clusters through the mesh, and
// compares what they say with docs/how-to.md.
func TestKafkasToolsAdministerTopics(t *testing.T) {
	t.Parallel()
	p := sharedBrokers(t)
	mesh := stack.TwoClusters(stack.Addr(t), p.apples.Addr(), p.bananas.Addr())
	mesh.Rules[0].Prefix, mesh.Rules[1].Prefix = "apples.tools", "bananas.tools" // the clusters have topics of other tests
	mesh.Deleting = true
	mesh.Topics = "ACCESS_ALL"
	stack.Standalone(t, &mesh)
	k := newTools(t, mesh.Addr)
	const apples, bananas = "apples.tools", "bananas.tools"
	k.run("kafka-topics.sh --create --topic " + apples + " --partitions 3 --replication-factor 1 --config retention.ms=3600000")
	k.run("kafka-topics.sh --create --topic " + bananas + " --partitions 1")
	k.run("kafka-topics.sh --create --topic cherries.tools")
	k.run("kafka-topics.sh --create --topic " + bananas + ".placed --replica-assignment 0:1")
	for topic, there := range map[string]string{apples: p.apples.Addr(), bananas: p.bananas.Addr()} {
		wantThere(t, there, topic, true)
	}
	k.run("kafka-topics.sh --list")
	k.run("kafka-topics.sh --describe")
	k.run("kafka-topics.sh --alter --topic " + bananas + " --partitions 2")
	k.run("kafka-configs.sh --alter --entity-type topics --entity-name " + bananas + " --add-config max.message.bytes=200000")
	stack.Wait(t, "the configuration", func() error {
		if said := newTools(t, mesh.Addr).run("kafka-configs.sh --describe --entity-type topics --entity-name " + bananas); !strings.Contains(said, "200000") {
			return fmt.Errorf("described as %s", said)
		}
		return nil
	})
	k.run("kafka-configs.sh --describe --entity-type topics --entity-name " + bananas)
	k.run("kafka-configs.sh --alter --entity-type brokers --entity-name 0 --add-config log.cleaner.threads=2")
	fill(t, mesh.Addr, apples, bananas)
	k.run("kafka-get-offsets.sh --topic-partitions " + apples + ":0," + bananas + ":0")
	stack.Replace(t, filepath.Join(k.dir, "offsets.json"), `{"version": 1, "partitions": [{"topic": "`+apples+`", "partition": 0, "offset": 3}, {"topic": "`+bananas+`", "partition": 0, "offset": -1}]}`)
	k.run("kafka-delete-records.sh --offset-json-file offsets.json")
	k.run("kafka-get-offsets.sh --time -2 --topic-partitions " + apples + ":0," + bananas + ":0")
	k.run("kafka-topics.sh --delete --topic " + apples)
	k.run("kafka-topics.sh --delete --topic " + bananas)
	k.run("kafka-topics.sh --list")
	k.run("kafka-cluster.sh cluster-id")
	for topic, there := range map[string]string{apples: p.apples.Addr(), bananas: p.bananas.Addr()} {
		wantThere(t, there, topic, false)
	}
	document.Compare(t, "../../docs/how-to.md", "<!-- tools: go test ./test/e2e -run TestKafkasTools -update-tools -->\n", "<!-- end of tools -->",
		"```\n"+k.transcript.String()+"```\n", *updateTools)
}

// fill sends five records to partition 0 of each topic.
func fill(t *testing.T, addr string, topics ...string) {
	t.Helper()
	client := producer(t, addr)
	for _, topic := range topics {
		for range 5 {
			stack.Check(t, client.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Value: []byte("v")}).FirstErr())
		}
	}
}

// wantThere waits until a cluster itself has a topic, or has it no more.
func wantThere(t *testing.T, addr, topic string, want bool) {
	t.Helper()
	admin := stack.Admin{Client: stack.Client(t, addr)}
	stack.Wait(t, topic, func() error {
		_, err := admin.Partitions(t.Context(), topic)
		switch {
		case want || err != nil && !errors.Is(err, kerr.UnknownTopicOrPartition):
			return err
		case err == nil:
			return errors.New("it is still there")
		default:
			return nil
		}
	})
}
