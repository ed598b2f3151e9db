package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// administered is a plain binary in front of the shared brokers whose clients may administer topics.
func administered(t *testing.T) *stack.Mesh {
	t.Helper()
	p := sharedBrokers(t)
	mesh := stack.TwoClusters(stack.Addr(t), p.apples.Addr(), p.bananas.Addr())
	mesh.Topics = "ACCESS_ALL"
	stack.Standalone(t, &mesh)
	return &mesh
}

// TestLibrdkafkaAdministersTopics has librdkafka's administrator do everything to topics of both clusters in one request each.
func TestLibrdkafkaAdministersTopics(t *testing.T) {
	t.Parallel()
	dir, err := stack.Clients(t.Context())
	stack.Check(t, err)
	mesh := administered(t)
	cmd := exec.CommandContext(t.Context(), "python3", "clients/python/administer.py", mesh.Addr, "apples.rd", "bananas.rd")
	cmd.Env = append(os.Environ(), "PYTHONPATH="+filepath.Join(dir, "python"))
	said, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v:\n%s", err, said)
	}
	want := `created apples.rd: ok
created bananas.rd: ok
created again apples.rd: TOPIC_ALREADY_EXISTS: Topic 'apples.rd' already exists.
created without a rule zebras: TOPIC_AUTHORIZATION_FAILED: no forwarding rule of this proxy matches topic "zebras"
more partitions apples.rd: ok
more partitions bananas.rd: ok
altered apples.rd: ok
altered bananas.rd: ok
described configurations apples.rd: ok True
described configurations bananas.rd: ok True
described apples.rd: ok 3 partitions led by 0
described bananas.rd: ok 3 partitions led by 0
last offsets apples.rd: ok 3
last offsets bananas.rd: ok 3
deleted records apples.rd: ok low watermark 2
deleted records bananas.rd: ok low watermark 2
cluster kafkamesh: 1 node, controller 0
deleted apples.rd: ok
deleted bananas.rd: ok
`
	if diff := cmp.Diff(want, string(said)); diff != "" {
		t.Errorf("librdkafka's administrator (-want +got):\n%s", diff)
	}
}

// TestFranzAdministersTopics has franz-go create, grow, alter and delete topics of both clusters.
func TestFranzAdministersTopics(t *testing.T) {
	t.Parallel()
	mesh := administered(t)
	admin, topics := stack.Admin{Client: stack.Client(t, mesh.Addr)}, []string{"apples.franz", "bananas.franz"}
	stack.Check(t, admin.CreateTopics(t.Context(), stack.TopicOptions{Partitions: 2, Settings: map[string]string{"retention.ms": "3600000"}}, topics...))
	for i, topic := range topics {
		direct := stack.Admin{Client: stack.Client(t, []string{running.apples.Addr(), running.bananas.Addr()}[i])}
		if _, err := direct.Partitions(t.Context(), topic); err != nil {
			t.Errorf("%s on its own cluster: %v", topic, err)
		}
		stack.Check(t, admin.AddPartitions(t.Context(), topic, 5))
		stack.Check(t, admin.SetTopic(t.Context(), topic, "max.message.bytes", "200000"))
		stack.Check(t, admin.DeleteTopic(t.Context(), topic))
	}
	if err := admin.CreateTopics(t.Context(), stack.TopicOptions{}, "zebras"); err == nil || !strings.Contains(err.Error(), "TOPIC_AUTHORIZATION_FAILED") {
		t.Errorf("a topic without a rule is created: %v", err)
	}
}
