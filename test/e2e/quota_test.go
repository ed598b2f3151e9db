package e2e

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/test/rawkafka"
	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// TestQuotaTellsTheThrottleTime gives the mesh a quota at a broker and exceeds it: the client is told of the throttle time, as
// it would be by the broker, and nothing is refused.
func TestQuotaTellsTheThrottleTime(t *testing.T) {
	t.Parallel()
	const id, topic = "throttled", "apples-quota"
	p := sharedBrokers(t)
	stack.CreateTopics(t, p.apples.Addr(), stack.TopicOptions{Partitions: 1}, topic)
	limitClient(t, p.apples.Addr(), id, 50_000)
	mesh := stack.TwoClusters(stack.Addr(t), p.apples.Addr(), p.bananas.Addr())
	mesh.Clusters[0].Producer = map[string]string{"client.id": id}
	stack.Standalone(t, &mesh)
	conn := dialRaw(t, mesh.Addr)
	const rounds = 100
	for i := range int64(rounds) {
		req := rawkafka.Produce(9, -1, topic, 0, batchOf(0, noProducer, 0, 500))
		resp := conn.Ask(req)
		if got := produced(t, resp); got.ErrorCode != 0 || got.BaseOffset != i*500 {
			t.Fatalf("answer %d = %+v, want base offset %d", i, got, i*500)
		}
		if ms := resp.(*kmsg.ProduceResponse).ThrottleMillis; ms > 0 {
			t.Logf("told of %d ms after %d requests", ms, i+1)
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("no throttle time in %d answers", rounds)
}

// limitClient sets how many bytes a second a client may produce to a broker.
func limitClient(t *testing.T, broker, clientID string, bytes float64) {
	t.Helper()
	op := kmsg.NewAlterClientQuotasRequestEntryOp()
	op.Key, op.Value = "producer_byte_rate", bytes
	entity := kmsg.NewAlterClientQuotasRequestEntryEntity()
	entity.Type, entity.Name = "client-id", &clientID
	entry := kmsg.NewAlterClientQuotasRequestEntry()
	entry.Entity, entry.Ops = []kmsg.AlterClientQuotasRequestEntryEntity{entity}, []kmsg.AlterClientQuotasRequestEntryOp{op}
	req := kmsg.NewPtrAlterClientQuotasRequest()
	req.Entries = []kmsg.AlterClientQuotasRequestEntry{entry}
	for _, e := range ask(t, direct(t, broker), req).Entries {
		if e.ErrorCode != 0 {
			t.Fatalf("set quota: error %d", e.ErrorCode)
		}
	}
}
