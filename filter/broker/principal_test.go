package broker_test

import (
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/authorizer"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/broker"
)

// A client is nobody until it logs in, and stays who it is then.
func TestPrincipal(t *testing.T) {
	t.Parallel()
	c := new(broker.Client)
	if got := c.Principal(); got != authorizer.Anonymous {
		t.Errorf("principal %q before a login, want %q", got, authorizer.Anonymous)
	}
	for _, name := range []string{"alice", "bob"} {
		c.BecomePrincipal(name, "PLAIN")
		if got := c.Principal(); got != "alice" {
			t.Errorf("principal %q, want alice", got)
		}
	}
}
