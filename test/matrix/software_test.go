package matrix

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// unnamed are the clients, by the beginning of their ids, that do not say what they are: they ask for versions in an older way, or do not.
var unnamed = []string{
	"java-2.1", "java-2.0", "java-1", "java-0", "kafka-python-2.0.2", "aiokafka", "kafka-go", "kafkajs", "raw",
}

// named are what others are counted as.
var named = map[string]string{
	"java": "apache-kafka-java", "confluent-kafka": "confluent-kafka-python", "kcat": "librdkafka", "kafka-python": "kafka-python",
	"franz-go": "kgo", "sarama": "sarama", "node-rdkafka": "librdkafka",
}

// label is what a client is counted as.
func (c *client) label() string {
	for _, start := range unnamed {
		if strings.HasPrefix(c.id(), start) {
			return "unnamed"
		}
	}
	name, _, _ := strings.Cut(c.name, "-async")
	name, _, _ = strings.Cut(name, "-sync")
	return named[name]
}

// TestSoftware wants each client to be counted as what it is, and no longer once it is gone.
func TestSoftware(t *testing.T) {
	t.Parallel()
	cluster := stack.Fake(t, stack.FakeOptions{})
	mesh := stack.Mesh{
		Addr: stack.Addr(t), Clusters: []stack.MeshCluster{{Name: "c", Bootstrap: cluster.Addr()}}, Rules: []stack.MeshRule{{Cluster: "c"}},
	}
	const topic = "apples-software"
	stack.CreateTopics(t, cluster.Addr(), stack.TopicOptions{Partitions: 1}, topic)
	s := stack.Standalone(t, &mesh)
	before := softwareOf(t, s)
	for _, c := range clients() {
		if !full() && !c.inShort() {
			continue
		}
		c.run(t, job{addr: mesh.Addr, topics: []string{topic}, count: 1, settings: c.settings()[:1]})
		var after map[string]counted
		stack.Wait(t, c.id()+" to be counted", func() error { // status.json is made once in a while
			if after = softwareOf(t, s); after[c.label()].Total == before[c.label()].Total {
				return fmt.Errorf("there are as many connections of %s as before", c.label())
			}
			return nil
		})
		for name, n := range after {
			if name != c.label() && n.Total != before[name].Total {
				t.Errorf("%s is counted as %s, want %s alone", c.id(), name, c.label())
			}
		}
		before = after
	}
	stack.Wait(t, "all clients to be gone", func() error {
		for name, n := range softwareOf(t, s) {
			if n.Connected != 0 {
				return fmt.Errorf("%d connections of %s", n.Connected, name)
			}
		}
		return nil
	})
}

// counted is how many connections of a software there are, and have been.
type counted struct {
	Name             string
	Connected, Total int64
}

func softwareOf(t *testing.T, s *stack.StandaloneProcess) map[string]counted {
	t.Helper()
	text, err := stack.Page(t.Context(), http.MethodGet, "http://"+s.Admin()+"/status.json")
	stack.Check(t, err)
	var status struct {
		Meshes []struct {
			Clients struct{ Software []counted }
		}
	}
	stack.Check(t, json.Unmarshal([]byte(text), &status))
	all := map[string]counted{}
	for _, m := range status.Meshes {
		for _, c := range m.Clients.Software {
			all[c.Name] = c
		}
	}
	return all
}
