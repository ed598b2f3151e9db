package wire_test

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire/wiretest"
)

// eachFetch calls f for each version of Fetch.
func eachFetch(f func(version int16)) {
	for v := int16(4); v <= 18; v++ {
		f(v)
	}
}

// fetchRequest is a Fetch request with as much in it as the version can say, as it is decoded and as kmsg has it.
func fetchRequest(version int16) (wire.FetchRequest, *kmsg.FetchRequest) {
	want := wire.FetchRequest{MaxWaitMillis: 500, MinBytes: 2, MaxBytes: 1 << 20, Isolation: 1, SessionEpoch: -1}
	r := kmsg.NewPtrFetchRequest()
	r.Version = version
	r.MaxWaitMillis, r.MinBytes, r.MaxBytes, r.IsolationLevel = 500, 2, 1<<20, 1
	for i, name := range []string{"orders", "clicks"} {
		topic := kmsg.NewFetchRequestTopic()
		decoded := wire.FetchTopic{}
		if wire.FetchNamesByID(version) {
			topic.TopicID = [16]byte{byte(i + 1), 15: 9}
			decoded.ID = topic.TopicID
		} else {
			topic.Topic = name
			decoded.Name = name
		}
		for j := range i + 1 {
			p := kmsg.NewFetchRequestTopicPartition()
			p.Partition, p.FetchOffset, p.PartitionMaxBytes = int32(7*j), int64(99+j), 1<<20
			d := wire.FetchPartition{Partition: p.Partition, Offset: p.FetchOffset, MaxBytes: 1 << 20, LeaderEpoch: -1, LastFetchedEpoch: -1}
			if version >= 9 {
				p.CurrentLeaderEpoch, d.LeaderEpoch = 3, 3
			}
			if version >= 12 {
				p.LastFetchedEpoch, d.LastFetchedEpoch = 2, 2
			}
			topic.Partitions = append(topic.Partitions, p)
			decoded.Partitions = append(decoded.Partitions, d)
		}
		r.Topics = append(r.Topics, topic)
		want.Topics = append(want.Topics, decoded)
	}
	return want, r
}

func TestDecodeFetch(t *testing.T) {
	t.Parallel()
	eachFetch(func(v int16) {
		want, r := fetchRequest(v)
		if v >= 7 {
			r.SessionID, want.SessionID = 77, 77
			r.SessionEpoch, want.SessionEpoch = 4, 4
			forgotten := kmsg.FetchRequestForgottenTopic{Topic: "old", TopicID: [16]byte{8}, Partitions: []int32{1, 2}}
			r.ForgottenTopics = append(r.ForgottenTopics, forgotten, forgotten)
			want.Forgotten = forgottenOf(v, r)
		}
		if v >= 11 {
			r.Rack = "a"
		}
		if v >= 15 {
			r.ReplicaState.ID = 4
		}
		body := r.AppendTo(nil)
		for n := range len(body) {
			if _, err := wire.DecodeFetch(v, body[:n]); reasonOf(err) != wire.ReasonMalformedBody {
				t.Errorf("DecodeFetch(%d, %d of %d bytes): %v, want malformed_body", v, n, len(body), err)
			}
		}
		got, err := wire.DecodeFetch(v, append(body, "behind it"...))
		clear(body)
		if err != nil {
			t.Errorf("DecodeFetch(%d): %v", v, err)
		}
		if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
			t.Errorf("DecodeFetch(%d):\n%s", v, d)
		}
	})
	for _, v := range []int16{-1, 3, 19} {
		if _, err := wire.DecodeFetch(v, nil); reasonOf(err) != wire.ReasonUnsupportedVersion {
			t.Errorf("DecodeFetch(%d): %v, want unsupported_version", v, err)
		}
	}
}

// What DecodeFetch takes is what the shape lets through, and read as kmsg reads it.
func checkDecodeFetch(t *testing.T, version int16, body []byte) {
	t.Helper()
	got, err := wire.DecodeFetch(version, body)
	shape := wire.ShapeFetch.Check(version, body)
	if reasonOf(err) != reasonOf(shape) {
		t.Errorf("DecodeFetch(%d, %x): %v, its shape: %v", version, body, err, shape)
	}
	if err != nil {
		if reasonOf(err) == 0 {
			t.Errorf("DecodeFetch(%d, %x): %v is no violation", version, body, err)
		}
		return
	}
	r := kmsg.NewPtrFetchRequest()
	r.Version = version
	if err := r.ReadFrom(body); err != nil {
		t.Errorf("DecodeFetch(%d, %x) takes what kmsg does not: %v", version, body, err)
	}
	want := wire.FetchRequest{
		MaxWaitMillis: r.MaxWaitMillis, MinBytes: r.MinBytes, MaxBytes: r.MaxBytes, Isolation: r.IsolationLevel, SessionEpoch: r.SessionEpoch,
		SessionID: r.SessionID,
	}
	for _, topic := range r.Topics {
		decoded := wire.FetchTopic{Name: topic.Topic, ID: topic.TopicID}
		for _, p := range topic.Partitions {
			decoded.Partitions = append(decoded.Partitions, wire.FetchPartition{
				Partition: p.Partition, LeaderEpoch: p.CurrentLeaderEpoch, Offset: p.FetchOffset, LastFetchedEpoch: p.LastFetchedEpoch, MaxBytes: p.PartitionMaxBytes,
			})
		}
		want.Topics = append(want.Topics, decoded)
	}
	want.Forgotten = forgottenOf(version, r)
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
		t.Errorf("DecodeFetch(%d, %x):\n%s", version, body, d)
	}
}

// forgottenOf is what a request has a session forget, as it is decoded.
func forgottenOf(version int16, r *kmsg.FetchRequest) (all []wire.ForgottenTopic) {
	for _, t := range r.ForgottenTopics {
		one := wire.ForgottenTopic{Name: t.Topic, ID: t.TopicID, Partitions: t.Partitions}
		if wire.FetchNamesByID(version) {
			one.Name = ""
		} else {
			one.ID = [16]byte{}
		}
		all = append(all, one)
	}
	return all
}

func TestDecodeFetchMutated(t *testing.T) {
	t.Parallel()
	eachFetch(func(v int16) {
		_, r := fetchRequest(v)
		body := r.AppendTo(nil)
		for i, was := range body {
			for _, b := range []byte{0, 1, 2, 0x7f, 0x80, 0xff} {
				body[i] = b
				checkDecodeFetch(t, v, body)
			}
			body[i] = was
		}
	})
}

func TestDecodeFetchLies(t *testing.T) {
	t.Parallel()
	many := func(n int, element string) string { return strings.Repeat(element, n) }
	for _, tt := range []struct {
		name    string
		version int16
		body    string
		want    wire.Reason
	}{
		{"topics beyond the body", 4, many(17, "00") + "7fffffff", wire.ReasonMalformedBody},
		{"null topics", 4, many(17, "00") + "ffffffff", wire.ReasonMalformedBody},
		{"partitions beyond the body", 4, many(17, "00") + "00000001" + "0000" + "00000002" + many(31, "00"), wire.ReasonMalformedBody},
		{"10,000 topics", 4, many(17, "00") + "00002710" + many(10_000, "000000000000"), 0},
		{"10,001 topics", 4, many(17, "00") + "00002711" + many(10_001, "000000000000"), wire.ReasonTooManyPartitions},
		{"10,000 partitions and their topic", 4, many(17, "00") + "00000001" + "0000" + "00002710" + many(10_000, many(16, "00")), wire.ReasonTooManyPartitions},
		{"forgotten partitions beyond the body", 7, many(25, "00") + "00000000" + "00000001" + "0000" + "7fffffff", wire.ReasonMalformedBody},
		{"10,001 forgotten partitions", 7, many(25, "00") + "00000000" + "00000001" + "0000" + "00002711" + many(40_004, "00"), wire.ReasonTooManyPartitions},
		{"over 1 MiB", 4, many(1<<20+1, "00"), wire.ReasonRequestTooLarge},
	} {
		body, err := hex.DecodeString(tt.body)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := wire.DecodeFetch(tt.version, body); reasonOf(err) != tt.want {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
		checkDecodeFetch(t, tt.version, body)
	}
}

func TestAppendFetchRequest(t *testing.T) {
	t.Parallel()
	eachFetch(func(v int16) {
		r, want := fetchRequest(v)
		h := wire.FetchHeader{Version: v, CorrelationID: 0x01020304, ClientID: "mesh"}
		want.SessionEpoch, want.ReplicaID = -1, -1
		r.SessionID, r.SessionEpoch = 5, 6
		if v >= 7 { // else there is no place for it
			want.SessionID, want.SessionEpoch = 5, 6
			want.ForgottenTopics = []kmsg.FetchRequestForgottenTopic{{Topic: "old", TopicID: [16]byte{8}, Partitions: []int32{1, 2}}, {Topic: "none", TopicID: [16]byte{9}}}
			r.Forgotten = forgottenOf(v, want)
		}
		got := wire.AppendFetchRequest([]byte("before"), h, &r)
		if d := cmp.Diff(append([]byte("before"), wiretest.Frame(wire.KeyFetch, v, h.CorrelationID, h.ClientID, want)...), got); d != "" {
			t.Errorf("v%d differs from kmsg's frame:\n%s", v, d)
		}
	})
}

func FuzzDecodeFetch(f *testing.F) {
	eachFetch(func(v int16) {
		_, r := fetchRequest(v)
		f.Add(v, r.AppendTo(nil))
	})
	f.Fuzz(func(t *testing.T, version int16, body []byte) {
		if version >= 4 && version <= 18 {
			checkDecodeFetch(t, version, body)
		}
	})
}

func BenchmarkDecodeFetch(b *testing.B) {
	topic := kmsg.NewFetchRequestTopic()
	topic.Topic = "orders"
	for i := range 1000 {
		p := kmsg.NewFetchRequestTopicPartition()
		p.Partition = int32(i)
		topic.Partitions = append(topic.Partitions, p)
	}
	r := kmsg.NewPtrFetchRequest()
	r.Version = 12
	r.Topics = append(r.Topics, topic)
	body := r.AppendTo(nil)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := wire.DecodeFetch(12, body); err != nil {
			b.Fatal(err)
		}
	}
}

// join is the whole of what is written in parts.
func join(parts [][]byte) []byte { return bytes.Join(parts, nil) }
