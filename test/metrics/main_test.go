package metrics

import (
	"sync"
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// kafka is the Apache Kafka that the tests share. Hosts keep apart by the names of their topics.
var kafka struct {
	once sync.Once
	*stack.KafkaCluster

	err error
}

func TestMain(m *testing.M) {
	stack.Main(m, func() error {
		if kafka.KafkaCluster != nil {
			kafka.Close()
		}
		return nil
	})
}

// shared is the address of the Apache Kafka.
func shared(t *testing.T) string {
	t.Helper()
	kafka.once.Do(func() { kafka.KafkaCluster, kafka.err = stack.StartKafka(t.Context(), stack.KafkaOptions{}) })
	stack.Check(t, kafka.err)
	return kafka.Addr()
}
