package e2e

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// TestBootstrapPassesDeafServers finds a cluster though its first server is deaf and its second one is not there, while another
// cluster does not answer at all; and that other one when it comes up.
func TestBootstrapPassesDeafServers(t *testing.T) {
	t.Parallel()
	deaf, err := net.Listen("tcp", "127.0.0.1:0") // accepts, and never says a word
	if err != nil {
		t.Fatal(err)
	}
	defer deaf.Close()
	apples := stack.Fake(t, stack.FakeOptions{More: []kfake.Opt{kfake.SeedTopics(1, "apples-bootstrap")}})
	port, err := stack.FreePort()
	stack.Check(t, err)
	mesh := stack.TwoClusters(stack.Addr(t), deaf.Addr().String()+","+stack.Addr(t)+","+apples.Addr(), stack.Local(port))
	envoy := stack.Envoy(t, stack.EnvoyOptions{Mesh: &mesh})
	client := stack.Client(t, mesh.Addr, kgo.UnknownTopicRetries(-1))
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if err := client.ProduceSync(ctx, record("bootstrap", "apples-bootstrap", 0)).FirstErr(); err != nil {
		t.Fatalf("to the cluster behind a deaf server: %v", err)
	}
	if err := envoy.WaitLog(ctx, "nobody listens there"); err != nil {
		t.Error(err)
	}
	const asked = "kafkamesh.requests.metadata"
	before, err := envoy.Stats(ctx, asked)
	stack.Check(t, err)
	waiting := make(chan error, 1)
	client.Produce(ctx, record("bootstrap", "bananas-bootstrap", 0), func(_ *kgo.Record, err error) { waiting <- err })
	stack.Check(t, envoy.WaitStats(ctx, asked, before+2)) // it has been told that there is no leader, and tries again
	bananas, err := kfake.NewCluster(kfake.Ports(port), kfake.NumBrokers(1), kfake.SeedTopics(1, "bananas-bootstrap"))
	stack.Check(t, err)
	defer bananas.Close()
	if err := <-waiting; err != nil {
		t.Errorf("to the cluster that came late: %v", err)
	}
	if err := envoy.WaitLog(ctx, "the cluster can be reached again"); err != nil {
		t.Error(err)
	}
}
