package filter_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire/wiretest"
)

// Why connections are closed is logged with who the client is, in short lines, a few of each reason in a minute.
func TestClosingsAreLogged(t *testing.T) {
	t.Parallel()
	withMesh(t, twoClusters, func(m *mesh) {
		end := func(id string) {
			c := m.connect()
			c.session.Data(apiVersions(1))
			c.session.Data([]byte{0, 0, 0, 10 + byte(len(id)), 0, 71, 0, 0, 0, 0, 0, 1, 0, byte(len(id))})
			c.session.Data([]byte(id))
			if !c.isClosed() {
				t.Fatal("not closed")
			}
		}
		end("orders-service")
		if log := m.log(); !strings.Contains(log, `client_id=orders-service software="test-client 1.0" reason="unknown_api: api key 71`) {
			t.Errorf("the log is %q", log)
		}
		for i := range 100 {
			end(fmt.Sprint("client-", i))
		}
		noisy := m.connect()
		noisy.session.Data(produceApples(1, 0, 99, batch())) // another reason
		if lines := strings.Count(m.log(), "unknown_api"); lines != 10 || strings.Count(m.log(), "produce_failed") != 1 {
			t.Errorf("%d lines of unknown_api, want 10; and of produce_failed one:\n%s", lines, m.log())
		}
		advance(time.Minute + time.Second)
		end("later")
		if log := m.log(); !strings.Contains(log, "kind=unknown_api times=91") || !strings.Contains(log, "client_id=later") {
			t.Errorf("after a minute the log ends with %q", log[max(0, len(log)-500):])
		}
	})
}

func longProduce(topic string, acks int16) *kmsg.ProduceRequest {
	r := kmsg.NewPtrProduceRequest()
	r.Acks = acks
	r.Topics = []kmsg.ProduceRequestTopic{{Topic: topic, Partitions: []kmsg.ProduceRequestTopicPartition{{}}}}
	return r
}

// What the facade refuses is logged too: the client may not say it.
func TestRefusalsAreLogged(t *testing.T) {
	t.Parallel()
	withMesh(t, twoClusters, func(m *mesh) {
		c := m.connect()
		for i := range int32(50) {
			c.session.Data(produce(i, "zebras"))
			c.session.Data(wiretest.Frame(wire.KeyFindCoordinator, 2, i, "reports", kmsg.NewPtrFindCoordinatorRequest()))
		}
		c.wantOpen("these are answers")
		for _, want := range []string{
			`client_id=test software="" reason="Produce: TOPIC_AUTHORIZATION_FAILED: no forwarding rule of this proxy matches topic \"zebras\""`,
			`client_id=reports software="" reason="FindCoordinator: GROUP_AUTHORIZATION_FAILED: consumer groups are not served by this proxy"`,
		} {
			if got := strings.Count(m.log(), want); got != 10 {
				t.Errorf("%d lines with %s, want 10; the log is\n%.2000s", got, want, m.log())
			}
		}
	})
}

// No line is longer than some KB, whatever a client says.
func TestLongNamesAreClippedInLogs(t *testing.T) {
	t.Parallel()
	withMesh(t, twoClusters, func(m *mesh) {
		long := strings.Repeat("\x00", 32767)
		for _, topic := range []string{long, "apples" + long[:30000]} {
			for _, acks := range []int16{0, 1} {
				c := m.connect()
				c.session.Data(wiretest.Frame(wire.KeyProduce, 9, 1, long, longProduce(topic, acks)))
				c.session.Data(wiretest.Frame(71, 0, 1, long, longProduce(topic, acks)))
			}
		}
		for line := range bytes.Lines([]byte(m.log())) {
			if len(line) > 4096 {
				t.Errorf("a line of %d bytes: %.200s…", len(line), line)
			}
		}
	})
}
