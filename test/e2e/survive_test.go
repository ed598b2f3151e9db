package e2e

import (
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// TestSequencesSurvive sends with idempotent producers, while their connections are cut, Envoy is restarted, and another
// Envoy takes over: the same records, once and in order. Producer ids are minted, so no Envoy has to know what another
// gave out.
func TestSequencesSurvive(t *testing.T) {
	t.Parallel()
	kafka := sharedBrokers(t).apples
	stack.CreateTopics(t, kafka.Addr(), stack.TopicOptions{Partitions: 3}, "apples-survive-load", "apples-survive-java")
	front := stack.NewRelay(t, nil) // the address that clients know
	first := replica(t, front, kafka.Addr())
	front.Aim(first.addr)

	l := startLoad(t, front.Addr(), "apples-survive-load")
	java := startJava(t, front.Addr(), kafka.Addr(), "apples-survive-java", 150_000)
	goOn := func() {
		l.wantMore(t, 1000)
		java.wantMore(t, 1000)
	}
	for range 3 { // connections of clients
		goOn()
		front.Reset()
	}
	goOn()
	second := replica(t, front, kafka.Addr())
	front.Aim(second.addr) // another replica, for the connections that come
	front.Reset()
	goOn()
	first.envoy.Close()
	first = replica(t, front, kafka.Addr()) // the first one again, without anything that it knew
	front.Aim(first.addr)
	second.envoy.Close() // cuts what it serves
	goOn()

	sent := l.finish(t)
	verifyTopic(t, kafka.Addr(), "apples-survive-load", sent)
	verifyTopic(t, kafka.Addr(), "apples-survive-java", java.finish(t))
	stack.WantAlive(t, first.envoy.Process)
}

type meshReplica struct {
	envoy *stack.EnvoyProcess
	addr  string // where it listens
}

// replica starts an Envoy that tells clients to come to front.
func replica(t *testing.T, front *stack.Relay, broker string) meshReplica {
	t.Helper()
	mesh := stack.TwoClusters(front.Addr(), broker, broker)
	config, err := mesh.Config()
	if err != nil {
		t.Fatal(err)
	}
	addr := stack.Addr(t)
	return meshReplica{stack.Envoy(t, stack.EnvoyOptions{Config: stack.Bootstrap(addr, stack.AsStruct(config))}), addr}
}
