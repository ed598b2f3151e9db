package wire_test

import (
	"bytes"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire/wiretest"
)

// fetched is an answer with as much in it as the version can say.
func fetched(version int16) []wire.FetchedTopic {
	data := wire.Fetched{Partition: 3, HighWatermark: 100, LastStableOffset: 90, LogStartOffset: -1, Records: []byte("records")}
	aborted := wire.Fetched{HighWatermark: 7, LastStableOffset: 6, LogStartOffset: -1, Records: []byte("more"), Special: &wire.FetchedSpecial{
		Aborted: []wire.AbortedTransaction{{ProducerID: 4, FirstOffset: 5}, {ProducerID: 6, FirstOffset: 7}}, Diverging: wire.NoEpochEnd, Snapshot: wire.NoEpochEnd,
	}}
	none := wire.Fetched{Partition: 1, LogStartOffset: -1, Special: &wire.FetchedSpecial{
		Aborted: []wire.AbortedTransaction{}, Diverging: wire.NoEpochEnd, Snapshot: wire.NoEpochEnd,
	}}
	failed := wire.Fetched{Partition: 2, Code: wire.NotLeaderOrFollower, HighWatermark: -1, LastStableOffset: -1, LogStartOffset: -1}
	if version >= 5 {
		data.LogStartOffset = 50
	}
	topics := []wire.FetchedTopic{
		{Name: "orders", ID: [16]byte{1, 15: 1}, Partitions: []wire.Fetched{data, none, failed}},
		{Name: "clicks", ID: [16]byte{2}, Partitions: []wire.Fetched{aborted}},
		{Name: "empty", ID: [16]byte{3}},
	}
	if version >= 12 {
		diverging := wire.Fetched{Partition: 9, LogStartOffset: -1, Special: &wire.FetchedSpecial{
			Diverging: wire.EpochEnd{Epoch: 3, Offset: 44}, Snapshot: wire.EpochEnd{Epoch: 5, Offset: 66},
		}}
		topics[1].Partitions = append(topics[1].Partitions, diverging)
	}
	return topics
}

// asKmsg is how kmsg has it.
func asKmsg(version int16, topics []wire.FetchedTopic) *kmsg.FetchResponse {
	r := kmsg.NewPtrFetchResponse()
	r.Version, r.ThrottleMillis = version, 12
	for i := range topics {
		topic := kmsg.NewFetchResponseTopic()
		if wire.FetchNamesByID(version) {
			topic.TopicID = topics[i].ID
		} else {
			topic.Topic = topics[i].Name
		}
		for _, p := range topics[i].Partitions {
			partition := kmsg.NewFetchResponseTopicPartition()
			partition.Partition, partition.ErrorCode = p.Partition, int16(p.Code)
			partition.HighWatermark, partition.LastStableOffset, partition.LogStartOffset = p.HighWatermark, p.LastStableOffset, p.LogStartOffset
			partition.RecordBatches = append([]byte{}, p.Records...)
			if s := p.Special; s != nil {
				partition.DivergingEpoch.Epoch, partition.DivergingEpoch.EndOffset = s.Diverging.Epoch, s.Diverging.Offset
				partition.SnapshotID.Epoch, partition.SnapshotID.EndOffset = s.Snapshot.Epoch, s.Snapshot.Offset
				for _, a := range s.Aborted {
					partition.AbortedTransactions = append(partition.AbortedTransactions, kmsg.FetchResponseTopicPartitionAbortedTransaction{
						ProducerID: a.ProducerID, FirstOffset: a.FirstOffset,
					})
				}
				if s.Aborted != nil && partition.AbortedTransactions == nil {
					partition.AbortedTransactions = []kmsg.FetchResponseTopicPartitionAbortedTransaction{}
				}
			}
			topic.Partitions = append(topic.Partitions, partition)
		}
		r.Topics = append(r.Topics, topic)
	}
	return r
}

func fetchHeader(version int16) wire.Header {
	return wire.Header{Key: wire.KeyFetch, Version: version, CorrelationID: 7}
}

func encodeFetched(version int16, r wire.FetchResponse, topics []wire.FetchedTopic) [][]byte {
	size, _ := wire.FetchResponseSize(topics)
	return wire.AppendFetchResponse(nil, fetchHeader(version), r, topics, size)
}

func TestAppendFetchResponse(t *testing.T) {
	t.Parallel()
	eachFetch(func(v int16) {
		topics := fetched(v)
		parts := encodeFetched(v, wire.FetchResponse{ThrottleMillis: 12, SessionID: 34}, topics)
		want := asKmsg(v, topics)
		want.SessionID = 34 // from version 7 on
		if d := cmp.Diff(wiretest.ResponseFrame(v, 7, want), join(parts)); d != "" {
			t.Errorf("v%d differs from kmsg's frame:\n%s", v, d)
		}
		aliased := 0
		for _, p := range parts {
			for _, topic := range topics {
				for _, f := range topic.Partitions {
					if len(f.Records) > 0 && unsafe.SliceData(p) == unsafe.SliceData(f.Records) {
						aliased++
					}
				}
			}
		}
		size, records := wire.FetchResponseSize(topics)
		if aliased != 2 || records != len("records"+"more") {
			t.Errorf("v%d: %d records are aliased and %d bytes counted, want 2 and 11", v, aliased, records)
		}
		if fixed := len(join(parts)) - records; fixed > size || 3*fixed < size {
			t.Errorf("v%d: %d bytes said, %d are needed", v, size, fixed)
		}
	})
}

// decodeFetched decodes what a broker answered, into topics as the version names them.
func decodeFetched(version int16, body []byte) (wire.FetchResponse, []wire.FetchedTopic, error) {
	var topics []wire.FetchedTopic
	r, err := wire.DecodeFetchResponse(version, body, func(name []byte, id [16]byte, p *wire.Fetched) {
		if last := len(topics) - 1; last < 0 || topics[last].Name != string(name) || topics[last].ID != id {
			topics = append(topics, wire.FetchedTopic{Name: string(name), ID: id})
		}
		last := &topics[len(topics)-1]
		last.Partitions = append(last.Partitions, *p)
	})
	return r, topics, err
}

func TestDecodeFetchResponse(t *testing.T) {
	t.Parallel()
	eachFetch(func(v int16) {
		want := fetched(v)
		r := asKmsg(v, want)
		if v >= 7 {
			r.ErrorCode, r.SessionID = 9, 77
		}
		for i := range r.Topics {
			for j := range r.Topics[i].Partitions {
				if p := &r.Topics[i].Partitions[j]; v >= 12 {
					p.CurrentLeader.LeaderID, p.CurrentLeader.LeaderEpoch = 5, 6
				}
				if v >= 11 {
					r.Topics[i].Partitions[j].PreferredReadReplica = 4
				}
			}
		}
		if v >= 16 {
			r.Brokers = append(r.Brokers, kmsg.FetchResponseBroker{NodeID: 5, Host: "elsewhere", Port: 9092})
		}
		body := wiretest.ResponseFrame(v, 7, r)[8:]
		head, got, err := decodeFetched(v, body)
		if err != nil || head.ThrottleMillis != 12 || v >= 7 && (head.Code != 9 || head.SessionID != 77) {
			t.Errorf("DecodeFetchResponse(%d) = %+v, %v", v, head, err)
		}
		want = want[:2] // an empty topic is not shown
		for i := range want {
			if wire.FetchNamesByID(v) {
				want[i].Name = ""
			} else {
				want[i].ID = [16]byte{}
			}
		}
		// The snapshot and the divergence that are not there are told from those that are; null is not empty.
		if d := cmp.Diff(want, got, cmp.Transformer("records", func(b []byte) string { return string(b) })); d != "" {
			t.Errorf("DecodeFetchResponse(%d):\n%s", v, d)
		}
		for n := range len(body) + 2 {
			if n != len(body) {
				if _, _, err := decodeFetched(v, append(bytes.Clone(body), 0)[:n]); reasonOf(err) == 0 {
					t.Errorf("DecodeFetchResponse(%d, %d of %d bytes): no violation, %v", v, n, len(body), err)
				}
			}
		}
	})
	for _, v := range []int16{3, 19} {
		if _, _, err := decodeFetched(v, nil); reasonOf(err) != wire.ReasonUnsupportedVersion {
			t.Errorf("DecodeFetchResponse(%d): %v, want unsupported_version", v, err)
		}
	}
}

func FuzzDecodeFetchResponse(f *testing.F) {
	eachFetch(func(v int16) { f.Add(v, wiretest.ResponseFrame(v, 7, asKmsg(v, fetched(v)))[8:]) })
	f.Fuzz(func(t *testing.T, version int16, body []byte) {
		head, topics, err := decodeFetched(version, body)
		if err != nil {
			if reasonOf(err) == 0 {
				t.Errorf("%v is no violation", err)
			}
			return
		}
		// What was understood can be said again.
		again, got, err := decodeFetched(version, join(encodeFetched(version, head, topics))[8:])
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(topics, got, cmpopts.EquateEmpty()); d != "" || head != again {
			t.Errorf("v%d: decode, encode, decode:\n%s", version, d)
		}
	})
}

func BenchmarkDecodeFetchResponse(b *testing.B) {
	topic := wire.FetchedTopic{Name: "orders"}
	for i := range 1000 {
		topic.Partitions = append(topic.Partitions, wire.Fetched{Partition: int32(i)})
	}
	body := join(encodeFetched(12, wire.FetchResponse{}, []wire.FetchedTopic{topic}))[8:]
	b.ReportAllocs()
	for b.Loop() {
		if _, err := wire.DecodeFetchResponse(12, body, func([]byte, [16]byte, *wire.Fetched) {}); err != nil {
			b.Fatal(err)
		}
	}
}
