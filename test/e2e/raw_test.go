package e2e

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/test/rawkafka"
)

func dialRaw(t *testing.T, addr string) *rawkafka.Client {
	t.Helper()
	return rawkafka.Connect(t, addr, "raw")
}

// produced is the answer for the only partition of a Produce request.
func produced(t *testing.T, resp kmsg.Response) kmsg.ProduceResponseTopicPartition {
	t.Helper()
	r := resp.(*kmsg.ProduceResponse)
	if len(r.Topics) != 1 || len(r.Topics[0].Partitions) != 1 {
		t.Fatalf("answer = %+v, want one partition", r)
	}
	return r.Topics[0].Partitions[0]
}
