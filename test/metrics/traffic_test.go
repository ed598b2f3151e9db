package metrics

import (
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/test/rawkafka"
	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// traffic sends traffic of every kind that is over when it is.
func (w *world) traffic() {
	w.versions()
	w.batches()
	w.withoutAcks()
	w.failures()
	w.clustersThatAreNotThere()
	w.refusals()
	w.violations()
	w.goesInBetween()
}

// batches are stored in several clusters, by several rules, in one request and in several.
func (w *world) batches() {
	w.t.Helper()
	c := w.connectAs("librdkafka")
	for _, topic := range []string{w.topic("counted"), w.topic("plain"), plainTopic, w.more(), sealedTopic} {
		c.produce(9, to(topic, 0, 1)) // from now on the worker knows its leader, and what comes together leaves together
	}
	c.produce(9, to(w.topic("counted"), 0, 10), to(w.topic("counted"), 1, 20), to(w.topic("plain"), 2, 30))
	c.produce(9, to(w.topic("counted"), 2, 5), to(plainTopic, 0, 6), to(w.more(), 0, 7), to(sealedTopic, 0, 8))
	c.produce(9, to(plainTopic, 0, 2), to(w.more(), 1, 1), to(plainTopic, 1, 2), to(w.topic("plain"), 3, 1))
	c.produce(9, to(plainTopic, 1, 2), unmatched("nobodys"), unmatched("nobodys-either"), damaged(plainTopic))
	c.produce(9, damaged(sealedTopic))
	ids := kmsg.NewPtrInitProducerIDRequest()
	ids.SetVersion(4)
	ids.ProducerID, ids.ProducerEpoch = -1, -1
	producer := c.ask(ids).(*kmsg.InitProducerIDResponse).ProducerID
	for i := range int32(3) {
		c.produce(12, numbered(w.topic("counted"), producer, 5*i, 5))
	}
	c.produce(12, numbered(w.topic("counted"), producer, 10, 5)) // again: a broker tells where it is
	w.reads(c)
	size := len(to("", 0, 2).batch)
	c.produce(9, lying(w.topic("counted"), -1<<31, 0))
	c.produce(9, lying(w.topic("plain"), 1<<31-1, (size-61)/7))
	c.leave()
}

// withoutAcks sends what is not answered: it is stored, or fails, which closes the connection.
func (w *world) withoutAcks() {
	w.t.Helper()
	c := w.connectAs("kgo")
	before, err := w.scripted.stored(plainTopic, 0)
	stack.Check(w.t, err)
	p := to(plainTopic, 0, 4)
	req := request(9, 0, p)
	w.sent(req)
	w.produced(req, p)
	c.Send(req)
	stack.Wait(w.t, "a batch without acks to be stored", func() error {
		end, err := w.scripted.stored(plainTopic, 0)
		if err == nil && end < before+4 {
			err = fmt.Errorf("%d records", end)
		}
		return err
	})
	p = failing(plainTopic, 99, 3)
	c.closed(request(9, 0, p), p)
	p = unmatched("nobodys")
	w.connect().closed(request(9, 0, p), p)
}

// closed sends a Produce for which the connection is closed.
func (c *client) closed(req *kmsg.ProduceRequest, parts ...part) {
	w := c.w
	w.t.Helper()
	w.sent(req)
	c.Send(req)
	c.WantClosed()
	c.leave()
	w.add("violations.produce_failed", 1)
	w.produced(req, parts...)
}

// failures are what a cluster answers, each for a client of its own: the next one is not behind it. Then it asks for less, and then
// it does not answer at all.
func (w *world) failures() {
	w.t.Helper()
	for i, failure := range failingCodes {
		c := w.connectAs("sarama")
		p := to(failingTopic, int32(i), 2)
		p.code = failure.code
		c.produce(9, p)
		c.leave()
	}
	c := w.connectAs("kafka-python")
	for range 3 {
		if resp := c.produce(9, to(throttledTopic, 0, 1)); resp.ThrottleMillis != throttle {
			w.t.Errorf("a client is told to wait %d ms, want %d", resp.ThrottleMillis, throttle)
		}
		w.add("cluster.scripted.throttle_time_ms", throttle)
	}
	p := to(silentTopic, 0, 3)
	p.code = 7 // REQUEST_TIMED_OUT
	req := request(9, -1, p)
	req.TimeoutMillis = 500
	w.wantCodes(c.ask(req).(*kmsg.ProduceResponse), []part{p})
	w.produced(req, p)
	c.leave()
}

// clustersThatAreNotThere are asked for topics, and sent to.
func (w *world) clustersThatAreNotThere() {
	w.t.Helper()
	for _, topic := range []string{"dead-topic", "locked-topic"} {
		c := w.connectAs("apache-kafka-java")
		req := rawkafka.Metadata(topic, w.topic("plain"))
		c.ask(req)
		w.failed(req)
		c.produce(9, failing(topic, 0, 6)) // NOT_LEADER_OR_FOLLOWER
		c.produce(9, failing(topic, 0, 6), to(w.topic("plain"), 0, 1))
		c.leave()
	}
}

// refusals are of clients that are not served.
func (w *world) refusals() {
	w.t.Helper()
	for name, kind := range map[string]string{
		"confluent-kafka-python": "consumers", "kafka-python": "administrators", "librdkafka": "logins",
		"apache-kafka-java": "transactions", "sarama": "others",
	} {
		c := w.connectAs(name)
		var req kmsg.Request
		switch kind {
		case "consumers":
			req = kmsg.NewPtrShareGroupHeartbeatRequest()
		case "administrators":
			req = kmsg.NewPtrDescribeACLsRequest()
		case "logins":
			req = kmsg.NewPtrSASLHandshakeRequest()
		case "transactions":
			req = kmsg.NewPtrAddPartitionsToTxnRequest()
		case "others":
			req = kmsg.NewPtrGetTelemetrySubscriptionsRequest()
		}
		c.Send(req)
		c.WantClosed()
		c.leave()
		w.add("violations.unknown_api", 1)
		w.add("access_log.written", 1)
		w.add("refused."+kind, 1)
	}
	c := w.connect()
	find := kmsg.NewPtrFindCoordinatorRequest()
	find.SetVersion(3)
	find.CoordinatorKey, find.CoordinatorType = "transaction", 1
	c.ask(find)
	w.refused(find)
	w.add("refused.transactions", 1)
	produce := request(9, -1, to(w.topic("plain"), 0, 1))
	produce.TransactionID = new("transaction")
	c.ask(produce)
	w.refused(produce)
	w.add("refused.transactions", 1)
	acks := request(9, 5, to(w.topic("plain"), 0, 1))
	c.ask(acks)
	w.refused(acks)
	c.leave()
}

// violations close connections.
func (w *world) violations() {
	w.t.Helper()
	w.violate("oversized_frame", []byte{0x7f, 0xff, 0xff, 0xff})
	w.violate("negative_length", []byte{0xff, 0xff, 0xff, 0xff})
	w.violate("tls_handshake", []byte{0x16, 0x03, 0x01, 0x02, 0x00, 0x01})
	w.violate("http_request", []byte("GET / HTTP/1.1\r\n\r\n"))
	w.violate("malformed_header", []byte{0, 0, 0, 0})
	w.violate("unknown_api", rawkafka.Request(-1, 0, []byte{0xff, 0xff}))
	w.add("refused.others", 1)
	w.violate("unsupported_version", rawkafka.Request(int16(kmsg.Produce), 13, []byte{0xff, 0xff}))
	w.violate("slow_request", []byte{0, 0, 1, 0}, make([]byte, 100))
	w.violateWhole("too_many_partitions", manyPartitions(100_001))
	w.violateWhole("memory_limit", manyPartitions(90_000))
	large := rawkafka.Metadata()
	for range 70 {
		large.Topics = append(large.Topics, kmsg.MetadataRequestTopic{Topic: new(string(slices.Repeat([]byte{'a'}, 30_000)))})
	}
	w.violateWhole("request_too_large", large)
}

// violateWhole is violateBy with a request that is as it says.
func (w *world) violateWhole(reason string, req kmsg.Request) {
	w.t.Helper()
	w.violateBy(reason, req, rawkafka.Frame(clientID, 1, req))
}

// manyPartitions is a Produce that names many partitions of one topic.
func manyPartitions(n int) *kmsg.ProduceRequest {
	req := rawkafka.Produce(3, -1, plainTopic, 0, nil)
	req.Topics[0].Partitions = make([]kmsg.ProduceRequestTopicPartition, n)
	return req
}

// goesInBetween is a client that goes in the middle of a request.
func (w *world) goesInBetween() {
	w.t.Helper()
	c := w.connectAs("librdkafka")
	c.produce(9, to(plainTopic, 0, 1))
	frame := c.Frame(request(9, -1, to(plainTopic, 0, 100)))
	c.SendBytes(frame[:len(frame)/2])
	c.leave()
}
