package conformance

import (
	"context"
	"fmt"
	"strconv"
	"sync"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// oracle is a Kafka of one version: a cluster of two nodes, of which the second is stopped before the scenarios begin.
// What it held has too few replicas from then on, or no leader.
type oracle struct {
	version string
	addr    string
	ids     sync.Map // of topics, by name

	controller string
	kafkas     []*stack.KafkaCluster
}

func startOracle(ctx context.Context, version string) (*oracle, error) {
	o := &oracle{version: version}
	port, err := stack.FreePort()
	if err != nil {
		return nil, err
	}
	o.controller = stack.Local(port)
	return o, o.start(ctx, 1, "broker,controller", ",CONTROLLER://"+o.controller)
}

// start starts a node. Everybody may do everything, until there is a rule about a topic.
func (o *oracle) start(ctx context.Context, node int, roles, more string) error {
	port, err := stack.FreePort()
	if err != nil {
		return err
	}
	addr := stack.Local(port)
	k, err := stack.StartKafka(ctx, stack.KafkaOptions{Version: o.version, Port: port, Properties: map[string]string{
		"node.id":                        strconv.Itoa(node),
		"process.roles":                  roles,
		"listeners":                      "PLAINTEXT://" + addr + more,
		"controller.quorum.voters":       "1@" + o.controller,
		"authorizer.class.name":          "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
		"allow.everyone.if.no.acl.found": "true",
		"num.partitions":                 "2",
	}})
	if err != nil {
		return fmt.Errorf("node %d of Kafka %s: %w", node, o.version, err)
	}
	o.kafkas = append(o.kafkas, k)
	if node == 1 {
		o.addr = addr
	}
	return nil
}

func (o *oracle) close() {
	for _, k := range o.kafkas {
		k.Close()
	}
}
