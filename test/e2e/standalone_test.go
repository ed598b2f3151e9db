package e2e

import (
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// TestStandaloneServesAndEndsInOrder has the clients send through `kafkamesh serve`, which then ends in order.
//
//nolint:tparallel // the clients send together, and then what they sent is verified
func TestStandaloneServesAndEndsInOrder(t *testing.T) {
	t.Parallel()
	p := sharedBrokers(t)
	apples, bananas := "apples-standalone", "bananas-standalone"
	stack.CreateTopics(t, p.apples.Addr(), stack.TopicOptions{Partitions: 3}, apples)
	stack.CreateTopics(t, p.bananas.Addr(), stack.TopicOptions{Partitions: 3}, bananas)
	mesh := stack.TwoClusters(stack.Addr(t), p.apples.Addr(), p.bananas.Addr())
	s := stack.Standalone(t, &mesh)

	sent := sendAtOnce(t, mesh.Addr, 500, apples, bananas)

	verifyTopic(t, p.apples.Addr(), apples, sent...)
	verifyTopic(t, p.bananas.Addr(), bananas, sent...)
	s.Stop()
	if code := s.ExitCode(); code != 0 {
		t.Errorf("exit code after SIGTERM = %d, want 0", code)
	}
}
