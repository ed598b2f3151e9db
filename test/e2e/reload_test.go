package e2e

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// TestReloadLosesNothing changes the configuration of `kafkamesh serve` again and again while clients produce: no record fails, and all
// are stored once and in order. That goes for a client that is not idempotent too, because what was taken is answered.
func TestReloadLosesNothing(t *testing.T) {
	t.Parallel()
	const reloads = 20
	const idempotent, plain = "apples-reload-idempotent", "apples-reload-plain"
	p := sharedBrokers(t)
	stack.CreateTopics(t, p.apples.Addr(), stack.TopicOptions{Partitions: 3}, idempotent, plain)
	mesh := stack.TwoClusters(stack.Addr(t), p.apples.Addr(), p.bananas.Addr())
	s := stack.Standalone(t, &mesh)
	more := mesh
	more.Rules = append([]stack.MeshRule{{Cluster: mesh.Clusters[1].Name, Prefix: "cherries"}}, mesh.Rules...)
	configs := [2]string{configOf(t, &more), configOf(t, &mesh)}
	loads := []*load{
		startLoad(t, mesh.Addr, idempotent),
		startLoad(t, mesh.Addr, plain, kgo.DisableIdempotentWrite(), kgo.MaxProduceRequestsInflightPerBroker(1)),
	}
	for i := range reloads {
		reload(t, s, configs[i%2], "msg=reloaded")
	}
	reload(t, s, strings.Replace(configs[0], "bootstrap_servers", "bootstrap_server", 1), "the configuration is invalid; the one before it stays")
	if log := s.Log(); !strings.Contains(log, "did you mean bootstrap_servers?") {
		t.Errorf("the log does not name the mistake:\n%s", stack.Tail(log))
	}
	for _, l := range loads {
		l.wantMore(t, 100)
		verifyTopic(t, p.apples.Addr(), l.topic, l.finish(t))
	}
}

func configOf(t *testing.T, m *stack.Mesh) string {
	t.Helper()
	text, err := m.Config()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// reload gives the binary a configuration and waits for one more line of its log with said in it.
func reload(t *testing.T, s *stack.StandaloneProcess, config, said string) {
	t.Helper()
	before := strings.Count(s.Log(), said)
	if err := s.Reload(config); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), stack.StartTimeout)
	defer cancel()
	for strings.Count(s.Log(), said) == before {
		select {
		case <-ctx.Done():
			t.Fatalf("the binary does not say %q:\n%s", said, stack.Tail(s.Log()))
		case <-time.After(10 * time.Millisecond):
		}
	}
}
