package metrics

import (
	"fmt"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

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
	awaitCoordinator(t, kafka.Addr())
	return kafka.Addr()
}

// awaitCoordinator waits until Kafka has made its topic of offsets: until then groups are told to wait.
func awaitCoordinator(t *testing.T, addr string) {
	t.Helper()
	c := stack.Client(t, addr)
	stack.Wait(t, "a coordinator of groups", func() error {
		req := kmsg.NewPtrDescribeGroupsRequest()
		req.Groups = []string{"no-group"}
		resp, err := req.RequestWith(t.Context(), c)
		if err != nil {
			return err
		}
		if code := resp.Groups[0].ErrorCode; code != 0 && code != 69 { // GROUP_ID_NOT_FOUND
			return fmt.Errorf("code %d", code)
		}
		return nil
	})
}
