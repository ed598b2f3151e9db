package broker_test

import (
	"encoding/binary"
	"hash/crc32"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/broker"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/record"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire/wiretest"
)

func TestApiVersions(t *testing.T) {
	t.Parallel()
	b, _, _ := facade()
	for version := range int16(5) {
		request := kmsg.NewPtrApiVersionsRequest()
		request.ClientSoftwareName, request.ClientSoftwareVersion = "apache-kafka-java", "4.3.1"
		r := parse[*kmsg.ApiVersionsResponse](t, wire.KeyApiVersions, version, ask(t, b, wire.KeyApiVersions, version, request))
		if r.ErrorCode != 0 || len(r.ApiKeys) != len(broker.APIs()) {
			t.Errorf("v%d: code %d, %d keys; want 0, %d", version, r.ErrorCode, len(r.ApiKeys), len(broker.APIs()))
		}
	}
}

func TestApiVersionsRefusals(t *testing.T) {
	t.Parallel()
	b, _, _ := facade()
	newer := ask(t, b, wire.KeyApiVersions, 5, kmsg.NewPtrApiVersionsRequest())
	r := parse[*kmsg.ApiVersionsResponse](t, wire.KeyApiVersions, 0, newer) // in a body of version 0
	want := []kmsg.ApiVersionsResponseApiKey{{ApiKey: 18, MinVersion: 0, MaxVersion: 4}}
	if diff := cmp.Diff(want, r.ApiKeys, plain()); r.ErrorCode != int16(wire.UnsupportedVersion) || diff != "" {
		t.Errorf("newer version: code %d, keys (-want +got):\n%s", r.ErrorCode, diff)
	}
	for _, name := range []string{"", "-java", "java-", "ja va", "ja\nva"} {
		request := kmsg.NewPtrApiVersionsRequest()
		request.ClientSoftwareName, request.ClientSoftwareVersion = name, "1"
		r := parse[*kmsg.ApiVersionsResponse](t, wire.KeyApiVersions, 3, ask(t, b, wire.KeyApiVersions, 3, request))
		if r.ErrorCode != int16(wire.InvalidRequest) {
			t.Errorf("software name %q: code %d, want INVALID_REQUEST", name, r.ErrorCode)
		}
	}
}

func metadataRequest(topics ...string) *kmsg.MetadataRequest {
	r := kmsg.NewPtrMetadataRequest()
	r.Topics = []kmsg.MetadataRequestTopic{}
	for _, name := range topics {
		t := kmsg.NewMetadataRequestTopic()
		t.Topic = new(name)
		r.Topics = append(r.Topics, t)
	}
	return r
}

func TestMetadataByName(t *testing.T) {
	t.Parallel()
	b, c1, _ := facade()
	request := metadataRequest("apples", "bananas", "cherries", "apples", "apples-new")
	request.AllowAutoTopicCreation = true
	r := parse[*kmsg.MetadataResponse](t, wire.KeyMetadata, 12, ask(t, b, wire.KeyMetadata, 12, request))
	node := kmsg.MetadataResponseBroker{NodeID: 0, Host: "mesh.example", Port: 9092}
	if diff := cmp.Diff([]kmsg.MetadataResponseBroker{node}, r.Brokers, plain()); diff != "" || r.ControllerID != 0 {
		t.Errorf("controller %d, brokers (-want +got):\n%s", r.ControllerID, diff)
	}
	var got []string
	codes := map[string]int16{}
	for _, topic := range r.Topics {
		got = append(got, *topic.Topic)
		codes[*topic.Topic] = topic.ErrorCode
	}
	if diff := cmp.Diff([]string{"apples", "bananas", "cherries", "apples-new"}, got); diff != "" {
		t.Errorf("topics (-want +got):\n%s", diff)
	}
	wantCodes := map[string]int16{
		"apples": 0, "bananas": 0, "cherries": int16(wire.TopicAuthorizationFailed),
		"apples-new": int16(wire.UnknownTopicOrPartition),
	}
	if diff := cmp.Diff(wantCodes, codes); diff != "" {
		t.Errorf("codes (-want +got):\n%s", diff)
	}
	wantApples := []kmsg.MetadataResponseTopicPartition{
		{Partition: 0, Leader: 0, LeaderEpoch: 9, Replicas: []int32{0}, ISR: []int32{0}},
		{Partition: 1, ErrorCode: 5, Leader: -1, LeaderEpoch: 3, Replicas: []int32{0}},
	}
	if diff := cmp.Diff(wantApples, r.Topics[0].Partitions, plain()); diff != "" {
		t.Errorf("partitions of apples (-want +got):\n%s", diff)
	}
	if n := len(r.Topics[1].Partitions); n != 1 {
		t.Errorf("%d partitions of bananas, want 1 by partition_count", n)
	}
	if diff := cmp.Diff([]string{"apples-new"}, c1.created); diff != "" {
		t.Errorf("created (-want +got):\n%s", diff)
	}
}

func TestMetadataOfAllAndNoTopics(t *testing.T) {
	t.Parallel()
	b, _, _ := facade()
	for _, tt := range []struct {
		name    string
		version int16
		topics  []kmsg.MetadataRequestTopic
		want    int
	}{
		{"null is all", 9, nil, 2},
		{"empty is all in version 0", 0, []kmsg.MetadataRequestTopic{}, 2},
		{"empty is none from version 1 on", 1, []kmsg.MetadataRequestTopic{}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			request := kmsg.NewPtrMetadataRequest()
			request.Topics = tt.topics
			a := ask(t, b, wire.KeyMetadata, tt.version, request)
			r := parse[*kmsg.MetadataResponse](t, wire.KeyMetadata, tt.version, a)
			if len(r.Topics) != tt.want {
				t.Errorf("%d topics, want %d: %v", len(r.Topics), tt.want, r.Topics)
			}
		})
	}
}

// Some clients leave the name out where they ask by id, Java leaves it empty.
func TestMetadataByID(t *testing.T) {
	t.Parallel()
	for _, name := range []*string{nil, new("")} {
		b, _, _ := facade()
		request := kmsg.NewPtrMetadataRequest()
		for _, id := range [][16]byte{{2}, {99}} {
			topic := kmsg.NewMetadataRequestTopic()
			topic.Topic, topic.TopicID = name, id
			request.Topics = append(request.Topics, topic)
		}
		r := parse[*kmsg.MetadataResponse](t, wire.KeyMetadata, 12, ask(t, b, wire.KeyMetadata, 12, request))
		if *r.Topics[0].Topic != "bananas" || r.Topics[1].ErrorCode != int16(wire.UnknownTopicID) {
			t.Errorf("got %+v; want bananas and UNKNOWN_TOPIC_ID", r.Topics)
		}
	}
}

func produceRequest(acks int16, records map[string][]byte, topics ...string) *kmsg.ProduceRequest {
	r := kmsg.NewPtrProduceRequest()
	r.Acks, r.TimeoutMillis = acks, 1234
	for _, name := range topics {
		t := kmsg.NewProduceRequestTopic()
		t.Topic = name
		p := kmsg.NewProduceRequestTopicPartition()
		p.Records = wiretest.Batch{Records: wiretest.Records(1, 10)}.Bytes()
		if special, ok := records[name]; ok {
			p.Records = special
		}
		t.Partitions = append(t.Partitions, p)
		r.Topics = append(r.Topics, t)
	}
	return r
}

func TestProduce(t *testing.T) {
	t.Parallel()
	for version := int16(3); version <= 12; version++ {
		b, c1, c2 := facade()
		c2.code = wire.NotEnoughReplicas
		bad := map[string][]byte{"apples-bad": []byte("no batch")}
		request := produceRequest(-1, bad, "apples", "bananas", "cherries", "apples-bad")
		r := parse[*kmsg.ProduceResponse](t, wire.KeyProduce, version, ask(t, b, wire.KeyProduce, version, request))
		want := map[string]wire.ErrorCode{
			"apples": wire.None, "bananas": wire.NotEnoughReplicas, "cherries": wire.TopicAuthorizationFailed,
			"apples-bad": wire.InvalidRecord,
		}
		for _, topic := range r.Topics {
			if got := wire.ErrorCode(topic.Partitions[0].ErrorCode); got != want[topic.Topic] {
				t.Errorf("v%d %s: %s, want %s", version, topic.Topic, got, want[topic.Topic])
			}
		}
		if len(r.Topics) != 4 || r.Topics[0].Partitions[0].BaseOffset != 7 || r.ThrottleMillis != 30 {
			t.Errorf("v%d: %+v", version, r)
		}
		if len(c1.got) != 1 || c1.acks != -1 || c1.timeout != 1234 {
			t.Errorf("v%d: c1 got %d batches, acks %d, timeout %d; want 1, -1, 1234", version, len(c1.got), c1.acks, c1.timeout)
		}
	}
}

func TestProduceRefusedAsAWhole(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		version int16
		change  func(*kmsg.ProduceRequest)
		want    wire.ErrorCode
	}{
		{"acks", 9, func(r *kmsg.ProduceRequest) { r.Acks = 2 }, wire.InvalidRequiredAcks},
		{"transaction", 9, func(r *kmsg.ProduceRequest) { r.TransactionID = new("t") }, wire.TransactionalIDAuthorizationFailed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b, c1, _ := facade()
			request := produceRequest(-1, nil, "apples")
			tt.change(request)
			r := parse[*kmsg.ProduceResponse](t, wire.KeyProduce, tt.version, ask(t, b, wire.KeyProduce, tt.version, request))
			if got := wire.ErrorCode(r.Topics[0].Partitions[0].ErrorCode); got != tt.want || len(c1.got) != 0 {
				t.Errorf("%s with %d batches sent on, want %s and none", got, len(c1.got), tt.want)
			}
		})
	}
}

// An old producer's messages arrive as one batch, compressed as they were.
func TestProduceMessageSets(t *testing.T) {
	t.Parallel()
	for version := range int16(3) {
		b, c1, _ := facade()
		var set []byte
		for i := range 3 {
			m := kmsg.MessageV0{MessageSize: 4 + 1 + 1 + 4 + 4 + 1, Value: []byte{byte(i)}}
			message := m.AppendTo(nil)
			binary.BigEndian.PutUint32(message[12:], crc32.ChecksumIEEE(message[16:]))
			set = append(set, message...)
		}
		request := produceRequest(1, map[string][]byte{"apples": set}, "apples")
		r := parse[*kmsg.ProduceResponse](t, wire.KeyProduce, version, ask(t, b, wire.KeyProduce, version, request))
		if p := r.Topics[0].Partitions[0]; p.ErrorCode != 0 || p.BaseOffset != 7 {
			t.Errorf("v%d: %+v, want stored at offset 7", version, p)
		}
		h, code, message := record.Check(3, c1.got[0].Records)
		if code != wire.None || h.Count != 3 {
			t.Errorf("v%d: sent on %+v, %s %s; want one batch of 3 records", version, h, code, message)
		}
	}
}

func TestProduceAcksZero(t *testing.T) {
	t.Parallel()
	b, c1, _ := facade()
	if a := ask(t, b, wire.KeyProduce, 9, produceRequest(0, nil, "apples")); a.Frame != nil || a.Violation != nil {
		t.Errorf("stored: %+v, want no answer", a)
	}
	if c1.acks != 1 {
		t.Errorf("sent on with acks %d, want 1", c1.acks)
	}
	a := ask(t, b, wire.KeyProduce, 9, produceRequest(0, nil, "apples", "cherries"))
	if a.Frame != nil || a.Violation == nil {
		t.Errorf("failed: %+v, want a violation", a)
	}
}

func TestInitProducerID(t *testing.T) {
	t.Parallel()
	b, _, _ := facade()
	seen := map[int64]bool{}
	for version := range int16(6) {
		request := kmsg.NewPtrInitProducerIDRequest()
		r := parse[*kmsg.InitProducerIDResponse](t, wire.KeyInitProducerID, version,
			ask(t, b, wire.KeyInitProducerID, version, request))
		if r.ErrorCode != 0 || r.ProducerID>>61 != 1 || r.ProducerEpoch != 0 || seen[r.ProducerID] {
			t.Errorf("v%d: %+v, want a new id with bit 61 set, epoch 0", version, r)
		}
		seen[r.ProducerID] = true
	}
	for _, tt := range []struct {
		name          string
		transactional *string
		id            int64
		epoch         int16
		want          wire.ErrorCode
	}{
		{"transactional", new("t"), -1, -1, wire.TransactionalIDAuthorizationFailed},
		{"empty transactional id", new(""), -1, -1, wire.InvalidRequest},
		{"id without epoch", nil, 7, -1, wire.InvalidRequest},
		{"epoch without id", nil, -1, 7, wire.InvalidRequest},
	} {
		request := kmsg.NewPtrInitProducerIDRequest()
		request.TransactionalID, request.ProducerID, request.ProducerEpoch = tt.transactional, tt.id, tt.epoch
		r := parse[*kmsg.InitProducerIDResponse](t, wire.KeyInitProducerID, 4, ask(t, b, wire.KeyInitProducerID, 4, request))
		if r.ErrorCode != int16(tt.want) || r.ProducerID != -1 || r.ProducerEpoch != -1 {
			t.Errorf("%s: %+v, want %s", tt.name, r, tt.want)
		}
	}
}
