package wire_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire/wiretest"
)

// request is a request of each API that DecodeRequest reads, with as much in it as the version can say.
//
//nolint:ireturn // kmsg has one type per API
func request(key wire.APIKey, version int16) kmsg.Request {
	req := kmsg.RequestForKey(int16(key))
	req.SetVersion(version)
	switch r := req.(type) {
	case *kmsg.FetchRequest:
		r.MaxWaitMillis, r.MinBytes, r.MaxBytes, r.IsolationLevel = 500, 1, 1<<20, 1
		p := kmsg.NewFetchRequestTopicPartition()
		p.Partition, p.FetchOffset, p.PartitionMaxBytes = 3, 99, 1<<20
		r.Topics = []kmsg.FetchRequestTopic{{Topic: "orders", Partitions: []kmsg.FetchRequestTopicPartition{p, p}}, {Topic: "clicks"}}
		if version >= 7 {
			r.SessionEpoch = 1
			r.ForgottenTopics = []kmsg.FetchRequestForgottenTopic{{Topic: "old", Partitions: []int32{1, 2}}}
		}
		if version >= 11 {
			r.Rack = "a"
		}
		if wire.FetchNamesByID(version) {
			for i := range r.Topics {
				r.Topics[i].Topic, r.Topics[i].TopicID = "", [16]byte{byte(i + 1)}
			}
			r.ForgottenTopics[0].Topic, r.ForgottenTopics[0].TopicID = "", [16]byte{9}
		}
	case *kmsg.ListOffsetsRequest:
		p := kmsg.NewListOffsetsRequestTopicPartition()
		p.Partition, p.Timestamp = 3, -2
		if version >= 4 {
			p.CurrentLeaderEpoch = 5
		}
		if version >= 2 {
			r.IsolationLevel = 1
		}
		if version >= 10 {
			r.TimeoutMillis = 500
		}
		r.Topics = []kmsg.ListOffsetsRequestTopic{{Topic: "orders", Partitions: []kmsg.ListOffsetsRequestTopicPartition{p, p}}, {Topic: "clicks"}}
	case *kmsg.OffsetForLeaderEpochRequest:
		p := kmsg.NewOffsetForLeaderEpochRequestTopicPartition()
		p.Partition, p.LeaderEpoch = 3, 4
		if version >= 2 {
			p.CurrentLeaderEpoch = 5
		}
		if version >= 3 {
			r.ReplicaID = -1
		}
		r.Topics = []kmsg.OffsetForLeaderEpochRequestTopic{
			{Topic: "orders", Partitions: []kmsg.OffsetForLeaderEpochRequestTopicPartition{p, p}}, {Topic: "clicks"},
		}
	case *kmsg.DescribeGroupsRequest:
		r.Groups, r.IncludeAuthorizedOperations = []string{"one", "two"}, version >= 3
	case *kmsg.ListGroupsRequest:
		if version >= 4 {
			r.StatesFilter = []string{"Stable", "Empty"}
		}
		if version >= 5 {
			r.TypesFilter = []string{"Classic"}
		}
	case *kmsg.DeleteGroupsRequest:
		r.Groups = []string{"one", "two"}
	case *kmsg.OffsetDeleteRequest:
		r.Group = "group"
		r.Topics = []kmsg.OffsetDeleteRequestTopic{{Topic: "orders", Partitions: []kmsg.OffsetDeleteRequestTopicPartition{{Partition: 3}}}}
	case *kmsg.MetadataRequest:
		r.Topics = []kmsg.MetadataRequestTopic{{Topic: new("orders")}, {Topic: new("")}}
		if version >= 10 {
			r.Topics = append(r.Topics, kmsg.MetadataRequestTopic{TopicID: [16]byte{1, 2, 3}})
		}
		r.AllowAutoTopicCreation = version >= 4
	case *kmsg.FindCoordinatorRequest:
		if version < 4 {
			r.CoordinatorKey = "group"
		} else {
			r.CoordinatorKeys = []string{"one", "two"}
		}
		if version >= 1 {
			r.CoordinatorType = 1
		}
	case *kmsg.OffsetCommitRequest:
		r.Group, r.Generation, r.MemberID = "group", 3, "member"
		p := kmsg.NewOffsetCommitRequestTopicPartition()
		p.Partition, p.Offset, p.Metadata = 1, 99, new("mine")
		if version >= 6 {
			p.LeaderEpoch = 4
		}
		r.Topics = []kmsg.OffsetCommitRequestTopic{{Topic: "orders", Partitions: []kmsg.OffsetCommitRequestTopicPartition{p, p}}}
		if version >= 7 {
			r.InstanceID = new("instance")
		}
		if version <= 4 {
			r.RetentionTimeMillis = 5000
		}
	case *kmsg.OffsetFetchRequest:
		if version < 8 {
			r.Group, r.Topics = "group", []kmsg.OffsetFetchRequestTopic{{Topic: "orders", Partitions: []int32{0, 1}}}
		} else {
			g := kmsg.NewOffsetFetchRequestGroup()
			g.Group, g.Topics = "group", []kmsg.OffsetFetchRequestGroupTopic{{Topic: "orders", Partitions: []int32{0, 1}}}
			if version >= 9 {
				g.MemberID, g.MemberEpoch = new("member"), 3
			}
			r.Groups = []kmsg.OffsetFetchRequestGroup{g, g}
		}
		r.RequireStable = version >= 7
	case *kmsg.JoinGroupRequest:
		r.Group, r.SessionTimeoutMillis, r.MemberID, r.ProtocolType = "group", 45_000, "member", "consumer"
		r.Protocols = []kmsg.JoinGroupRequestProtocol{{Name: "range", Metadata: []byte{0, 3}}, {Name: "", Metadata: []byte{}}}
		if version >= 1 {
			r.RebalanceTimeoutMillis = 300_000
		}
		if version >= 5 {
			r.InstanceID = new("instance")
		}
		if version >= 8 {
			r.Reason = new("because")
		}
	case *kmsg.SyncGroupRequest:
		r.Group, r.Generation, r.MemberID = "group", 3, "member"
		r.GroupAssignment = []kmsg.SyncGroupRequestGroupAssignment{{MemberID: "member", MemberAssignment: []byte{0, 1}}}
		if version >= 3 {
			r.InstanceID = new("instance")
		}
		if version >= 5 {
			r.ProtocolType, r.Protocol = new("consumer"), new("range")
		}
	case *kmsg.HeartbeatRequest:
		r.Group, r.Generation, r.MemberID = "group", 3, "member"
		if version >= 3 {
			r.InstanceID = new("instance")
		}
	case *kmsg.LeaveGroupRequest:
		r.Group = "group"
		if version < 3 {
			r.MemberID = "member"
		} else {
			r.Members = []kmsg.LeaveGroupRequestMember{{MemberID: "member", InstanceID: new("instance")}, {MemberID: "other"}}
		}
		if version >= 5 {
			r.Members[0].Reason = new("because")
		}
	case *kmsg.ConsumerGroupHeartbeatRequest:
		r.Group, r.MemberID, r.MemberEpoch, r.InstanceID, r.RackID = "group", "member", 7, new("instance"), new("rack")
		r.SubscribedTopicNames, r.ServerAssignor = []string{"orders", "clicks"}, new("uniform")
		r.Topics = []kmsg.ConsumerGroupHeartbeatRequestTopic{{TopicID: [16]byte{1, 2, 3}, Partitions: []int32{0, 1}}}
		if version >= 1 {
			r.SubscribedTopicRegex = new("orders.*")
		}
	case *kmsg.ConsumerGroupDescribeRequest:
		r.Groups, r.IncludeAuthorizedOperations = []string{"one", "two"}, true
	case *kmsg.ApiVersionsRequest:
		if version >= 3 {
			r.ClientSoftwareName, r.ClientSoftwareVersion = "librdkafka", "2.16.0"
		}
	case *kmsg.InitProducerIDRequest:
		r.TransactionalID, r.TransactionTimeoutMillis = new("tx"), 60_000
		if version >= 3 {
			r.ProducerID, r.ProducerEpoch = 5, 6
		}
	default:
		fillAdministration(req)
	}
	return req
}

// eachRequest calls f for each API that DecodeRequest reads, in each version.
func eachRequest(f func(h wire.Header)) {
	for _, a := range served.APIs() {
		for v := a.Min; v <= a.Max && a.Key != wire.KeyProduce; v++ {
			f(wire.Header{Key: a.Key, Version: v, CorrelationID: 7, ClientID: []byte("test")})
		}
	}
}

func diffRequests(want, got kmsg.Request) string {
	return cmp.Diff(want, got, cmpopts.EquateEmpty(), cmp.AllowUnexported(kmsg.Tags{}))
}

func TestDecodeRequest(t *testing.T) {
	t.Parallel()
	eachRequest(func(want wire.Header) {
		raw := wiretest.Frame(want.Key, want.Version, want.CorrelationID, string(want.ClientID), request(want.Key, want.Version))
		h, body, err := served.ParseHeader(raw[4:])
		if !reflect.DeepEqual(h, want) || err != nil {
			t.Errorf("ParseHeader(%s v%d) = %+v, %v, want %+v", want.Key, want.Version, h, err, want)
			return
		}
		got, err := served.DecodeRequest(h, body)
		if err != nil {
			t.Errorf("DecodeRequest(%s v%d): %v", h.Key, h.Version, err)
			return
		}
		copied := hex.EncodeToString(got.AppendTo(nil))
		clear(body) // the request must not keep it
		if d := diffRequests(request(h.Key, h.Version), got); d != "" || copied != hex.EncodeToString(got.AppendTo(nil)) {
			t.Errorf("DecodeRequest(%s v%d):\n%s", h.Key, h.Version, d)
		}
	})
}

func TestDecodeRequestTruncated(t *testing.T) {
	t.Parallel()
	eachRequest(func(h wire.Header) {
		body := request(h.Key, h.Version).AppendTo(nil)
		for n := range len(body) {
			if _, err := served.DecodeRequest(h, body[:n]); reasonOf(err) != wire.ReasonMalformedBody {
				t.Errorf("DecodeRequest(%s v%d, %d of %d bytes): %v, want malformed_body", h.Key, h.Version, n, len(body), err)
			}
		}
	})
}

// Bytes behind a request change nothing.
func TestDecodeRequestTrailing(t *testing.T) {
	t.Parallel()
	eachRequest(func(h wire.Header) {
		body := request(h.Key, h.Version).AppendTo(nil)
		for _, more := range []string{"\x00", "\x00\x00\x00", string(body), strings.Repeat("\xff", 100)} {
			got, err := served.DecodeRequest(h, append(bytes.Clone(body), more...))
			if err != nil {
				t.Errorf("DecodeRequest(%s v%d, %d bytes behind it): %v", h.Key, h.Version, len(more), err)
			} else if d := diffRequests(request(h.Key, h.Version), got); d != "" {
				t.Errorf("DecodeRequest(%s v%d, %d bytes behind it):\n%s", h.Key, h.Version, len(more), d)
			}
		}
	})
}

// Each byte of each request is set to each value: nothing panics, and whatever is accepted, kmsg would have read alike.
func TestDecodeRequestMutated(t *testing.T) {
	t.Parallel()
	eachRequest(func(h wire.Header) {
		body := request(h.Key, h.Version).AppendTo(nil)
		for i, was := range body {
			for _, b := range []byte{0, 1, 2, 0x7f, 0x80, 0xff} {
				body[i] = b
				checkDecodeRequest(t, h, body)
			}
			body[i] = was
		}
	})
}

func checkDecodeRequest(t *testing.T, h wire.Header, body []byte) {
	t.Helper()
	got, err := served.DecodeRequest(h, body)
	if err != nil {
		if reasonOf(err) == 0 {
			t.Errorf("DecodeRequest(%s v%d, %x): %v is no violation", h.Key, h.Version, body, err)
		}
		return
	}
	want := kmsg.RequestForKey(int16(h.Key))
	want.SetVersion(h.Version)
	if err := want.ReadFrom(body); err != nil {
		t.Errorf("DecodeRequest(%s v%d, %x) takes what kmsg does not: %v", h.Key, h.Version, body, err)
	} else if !bytes.Equal(want.AppendTo(nil), got.AppendTo(nil)) {
		t.Errorf("DecodeRequest(%s v%d, %x):\n%s", h.Key, h.Version, body, diffRequests(want, got))
	}
}

func TestDecodeRequestLies(t *testing.T) {
	t.Parallel()
	many := func(n int, element string) string { return strings.Repeat(element, n) }
	tests := []struct {
		name    string
		key     wire.APIKey
		version int16
		body    string
		want    wire.Reason
	}{
		{"metadata: all topics", wire.KeyMetadata, 1, "ffffffff", 0},
		{"metadata: null topics before they may be", wire.KeyMetadata, 0, "ffffffff", wire.ReasonMalformedBody},
		{"metadata: topics beyond any body", wire.KeyMetadata, 1, "7fffffff", wire.ReasonMalformedBody},
		{"metadata: topics beyond the body", wire.KeyMetadata, 1, "00000003" + "00000000", wire.ReasonMalformedBody},
		{"metadata: compact topics beyond any body", wire.KeyMetadata, 9, "ffffffff0f" + "000000", wire.ReasonMalformedBody},
		{"metadata: compact count with the sign bit", wire.KeyMetadata, 9, "8180808008" + "000000" + "00", wire.ReasonMalformedBody},
		{"metadata: billions of tags", wire.KeyMetadata, 9, "00" + "000000" + "ffffffff0f", wire.ReasonMalformedBody},
		{"metadata: tag longer than the body", wire.KeyMetadata, 9, "00" + "000000" + "01" + "00" + "05" + "00", wire.ReasonMalformedBody},
		{"metadata: tags", wire.KeyMetadata, 9, "00" + "000000" + "02" + "0001ff" + "0700", 0},
		{"metadata: 10,000 topics", wire.KeyMetadata, 1, "00002710" + many(10_000, "0000"), 0},
		{"metadata: 10,001 topics", wire.KeyMetadata, 1, "00002711" + many(10_001, "0000"), wire.ReasonTooManyPartitions},
		{"metadata: 10,001 tags", wire.KeyMetadata, 9, "00" + "000000" + "914e" + many(10_001, "0000"), wire.ReasonMalformedBody},
		{"metadata: over 1 MiB", wire.KeyMetadata, 1, many(1<<20+1, "00"), wire.ReasonRequestTooLarge},
		{"metadata: below", wire.KeyMetadata, -1, "", wire.ReasonUnsupportedVersion},
		{"metadata: above", wire.KeyMetadata, 13, "", wire.ReasonUnsupportedVersion},
		{"api versions: above", wire.KeyApiVersions, 5, "", wire.ReasonUnsupportedVersion},
		{"api versions: null name", wire.KeyApiVersions, 3, "00" + "01" + "00", wire.ReasonMalformedBody},
		{"init: no transactional id", wire.KeyInitProducerID, 0, "ffff" + "00000000", 0},
		{"coordinator: null key", wire.KeyFindCoordinator, 0, "ffff", wire.ReasonMalformedBody},
		{"fetch: partitions beyond the body", wire.KeyFetch, 4, many(17, "00") + "00000001" + "0000" + "00000002" + many(31, "00"), wire.ReasonMalformedBody},
		{"fetch: many empty topics", wire.KeyFetch, 4, many(17, "00") + "00002711" + many(10_001, "000000000000"), wire.ReasonTooManyPartitions},
		{"produce", wire.KeyProduce, 9, "", wire.ReasonUnsupportedVersion},
		{"unknown", 71, 0, "", wire.ReasonUnsupportedVersion},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			body, err := hex.DecodeString(tt.body)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := served.DecodeRequest(wire.Header{Key: tt.key, Version: tt.version}, body); reasonOf(err) != tt.want {
				t.Errorf("DecodeRequest(%s v%d): %v, want %q", tt.key, tt.version, err, tt.want)
			}
		})
	}
}

// However little a body says with its counts, reading it must not cost much more than it weighs.
//
//nolint:paralleltest // counts what the process allocates
func TestDecodeRequestAllocatesWhatCame(t *testing.T) {
	tests := []struct {
		name string
		h    wire.Header
		body []byte
	}{
		{"topics", wire.Header{Key: wire.KeyMetadata, Version: 1}, append([]byte{0, 0, 0x27, 0x10}, make([]byte, 20_000)...)},
		{"a count only", wire.Header{Key: wire.KeyMetadata, Version: 1}, append([]byte{0, 0, 0x27, 0x10}, make([]byte, 1000)...)},
		{"a compact count only", wire.Header{Key: wire.KeyMetadata, Version: 9}, append([]byte{0x91, 0x4e}, make([]byte, 1000)...)},
		{"a tag for each topic", wire.Header{Key: wire.KeyMetadata, Version: 9}, append([]byte{0x91, 0x4e}, bytes.Repeat([]byte{1, 1, 0, 0}, 10_000)...)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, _ = served.DecodeRequest(tt.h, tt.body)
			runtime.ReadMemStats(&after)
			if got, limit := int(after.TotalAlloc-before.TotalAlloc), 150*len(tt.body)+4096; got > limit {
				t.Errorf("body of %d bytes: %d allocated, limit %d", len(tt.body), got, limit)
			} else {
				t.Logf("body of %d bytes: %d allocated", len(tt.body), got)
			}
		})
	}
}

func FuzzDecodeRequest(f *testing.F) {
	eachRequest(func(h wire.Header) {
		f.Add(wiretest.Frame(h.Key, h.Version, 7, "fuzz", request(h.Key, h.Version))[4:])
	})
	seeds(f, func(frame []byte) { f.Add(frame[4:]) })
	f.Fuzz(func(t *testing.T, frame []byte) {
		h, body, err := served.ParseHeader(frame)
		if err != nil {
			if reasonOf(err) == 0 {
				t.Errorf("ParseHeader(%x): %v is no violation", frame, err)
			}
			return
		}
		checkDecodeRequest(t, h, body)
	})
}

func BenchmarkDecodeRequest(b *testing.B) {
	for _, key := range []wire.APIKey{wire.KeyMetadata, wire.KeyApiVersions} {
		b.Run(fmt.Sprint(key), func(b *testing.B) {
			h := wire.Header{Key: key, Version: 4}
			body := request(key, 4).AppendTo(nil)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := served.DecodeRequest(h, body); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
