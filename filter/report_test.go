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
	"github.com/kafkamesh/envoy-kafka-mesh/test/bubble"
)

// Why connections are closed is logged with who the client is, in a line for each software and reason in a minute.
func TestClosingsAreLogged(t *testing.T) {
	t.Parallel()
	withMesh(t, twoClusters, func(m *mesh) {
		end := func(id string, key byte) {
			c := m.connect()
			c.session.Data(apiVersions(1))
			c.session.Data([]byte{0, 0, 0, 10 + byte(len(id)), 0, key, 0, 0, 0, 0, 0, 1, 0, byte(len(id))})
			c.session.Data([]byte(id))
			if !c.isClosed() {
				t.Fatal("not closed")
			}
		}
		const createACLs, shareGroupHeartbeat = 30, 76
		end("orders-service", createACLs)
		want := `msg="an administrator is not served: have it connect to the cluster itself" reason=administrators api=CreateACLs ` +
			`error="unknown_api: api key 30 (CreateACLs) version 0 is not served" ` +
			`client=10.0.0.1:999 client_id=orders-service software="test-client 1.0"`
		if log := m.log(); !strings.Contains(log, want) {
			t.Errorf("the log is\n%swant\n%s", log, want)
		}
		for i := range 100 {
			end(fmt.Sprint("client-", i), createACLs)
		}
		end("another", shareGroupHeartbeat)
		noisy := m.connect()
		noisy.session.Data(produceApples(1, 0, 99, batch()))
		for _, reason := range []string{"reason=administrators", "reason=consumers", "reason=produce_failed"} {
			if lines := strings.Count(m.log(), reason); lines != 1 {
				t.Errorf("%d lines with %s, want 1:\n%s", lines, reason, m.log())
			}
		}
		bubble.Advance(time.Minute + time.Second)
		end("later", createACLs)
		for _, want := range []string{
			`connect to the cluster itself: more of the same" reason=administrators software=other times=100 clients=100 for=1m0s apis=CreateACLs`,
			"client_id=later",
		} {
			if log := m.log(); !strings.Contains(log, want) {
				t.Errorf("after a minute the log ends with\n%s\nwant %s", log[max(0, len(log)-1000):], want)
			}
		}
		if got := m.metric("refused.administrators"); got != 102 {
			t.Errorf("refused.administrators = %d, want 102", got)
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
		for i := range int32(50) {
			c := m.connectFrom(0, fmt.Sprintf("10.0.0.%d:999", i))
			c.session.Data(produce(i, fmt.Sprint("zebras-", i)))
			transactional := kmsg.NewPtrInitProducerIDRequest()
			transactional.TransactionalID = new("payments")
			c.session.Data(wiretest.Frame(wire.KeyInitProducerID, 2, i, "payments", transactional))
			c.wantOpen("these are answers")
		}
		bubble.Advance(time.Minute)
		for _, want := range []string{
			`msg="no forwarding rule matches the topic: add one, or see whether the prefix is right" topic=zebras-0 reason=unmatched_topic ` +
				`api=Produce told=TOPIC_AUTHORIZATION_FAILED client=10.0.0.0:999 client_id=test software=""`,
			`whether the prefix is right: more of the same" reason=unmatched_topic software=unnamed times=49 clients=49 for=1m0s ` +
				`topics="zebras-1, zebras-2, zebras-3, zebras-4, zebras-5"`,
			`reason=transactions api=InitProducerId told=TRANSACTIONAL_ID_AUTHORIZATION_FAILED`,
		} {
			if got := strings.Count(m.log(), want); got != 1 {
				t.Errorf("%d lines with %s, want 1; the log is\n%.2000s", got, want, m.log())
			}
		}
		for name, want := range map[string]int64{
			"refused.consumers": 0, "refused.transactions": 50, "refused.administrators": 0, "refused.logins": 0, "unmatched_topics": 50,
		} {
			if got := m.metric(name); got != want {
				t.Errorf("%s = %d, want %d", name, got, want)
			}
		}
	})
}

// A password that a client sends where a request should be is not taken for anything that is logged or kept.
func TestLoginWithoutHandshake(t *testing.T) {
	t.Parallel()
	withMesh(t, twoClusters, func(m *mesh) {
		secret := strings.Repeat("s3cret-", 20) // with a user of seven letters, the password's first one is where a client id has its length
		for _, token := range []string{"\x00orderly\x00" + secret, "n,,\x01auth=Bearer " + secret + "\x01\x01"} {
			c := m.connect()
			c.session.Data(append([]byte{0, 0, 0, byte(len(token))}, token...))
			if !c.isClosed() {
				t.Errorf("%q does not close the connection", token)
			}
		}
		bubble.Advance(time.Minute)
		if log := m.log(); strings.Contains(log, "s3cret") || !strings.Contains(log, `reason=logins api=SaslAuthenticate error="unknown_api: a login without a handshake`) {
			t.Errorf("the log is\n%s", log)
		}
		if kept := fmt.Sprintf("%+v", m.filter.Clients()); strings.Contains(kept, "s3cret") {
			t.Errorf("this is kept: %s", kept)
		}
		if got := m.metric("refused.logins"); got != 2 {
			t.Errorf("refused.logins = %d, want 2", got)
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
