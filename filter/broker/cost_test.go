package broker_test

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/authorizer"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/broker"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/target"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire/wiretest"
)

// cost is what docs/protocol.md says of one API: bytes allocated and answered for each byte of a request.
type cost struct{ allocated, answered int }

// documented reads the table of docs/protocol.md.
func documented(t *testing.T) map[string]cost {
	t.Helper()
	text, err := os.ReadFile("../../docs/protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n## What a request may cost\n")
	section, _, _ = strings.Cut(section, "\n## ")
	costs := map[string]cost{}
	for _, row := range regexp.MustCompile(`(?m)^\| ([A-Za-z0-9 ]+) \| (\d+) \| (\d+) \|$`).FindAllStringSubmatch(section, -1) {
		c, _ := strconv.Atoi(row[2])
		d, _ := strconv.Atoi(row[3])
		costs[row[1]] = cost{c, d}
	}
	return costs
}

// costConstant is what a request of any length may cost beside.
const costConstant = 128 << 10

// setConstant is that of one with message sets: any may decompress to 1 MiB, and the codecs have tables.
const setConstant = 12 << 20

// The most hostile request of n bytes allocates and answers a multiple of n.
//
//nolint:paralleltest // counts what the process allocates
func TestCostOfARequest(t *testing.T) {
	costs, bombs := documented(t), bombs()
	sizes := []int{100, 8 << 10, 200 << 10}
	if raceDetector {
		sizes = sizes[:2]
	}
	for _, api := range broker.APIs() {
		worst := map[string]cost{}
		for version := api.Min; version <= api.Max; version++ {
			name, constant := api.Name, costConstant
			if api.Key == wire.KeyProduce && version < 3 {
				name, constant = "Produce 0 to 2", setConstant
			}
			want, ok := costs[name]
			if !ok {
				t.Fatalf("docs/protocol.md does not say what %s costs", name)
			}
			for _, n := range sizes {
				for shape, req := range hostile(api.Key, version, n, bombs) {
					frame := wiretest.Frame(api.Key, version, 77, "x", req)
					allocated, answered := measure(t, frame)
					if allocated > want.allocated*len(frame)+constant && !raceDetector || answered > want.answered*len(frame)+1024 {
						t.Errorf("%s v%d, %s: request of %d bytes: %d allocated, %d answered; want at most %d and %d for each byte",
							api.Name, version, shape, len(frame), allocated, answered, want.allocated, want.answered)
					}
					w := worst[name]
					w.allocated = max(w.allocated, (allocated-constant)/len(frame))
					w.answered = max(w.answered, (answered-1024)/len(frame))
					worst[name] = w
				}
			}
		}
		for name, w := range worst {
			t.Logf("%s: at most %d bytes allocated and %d answered for each byte", name, w.allocated, w.answered)
		}
	}
}

// What is denied costs no more than what is allowed.
//
//nolint:paralleltest // counts what the process allocates
func TestCostOfADenial(t *testing.T) {
	costs := documented(t)
	for _, api := range broker.APIs() {
		for shape, req := range hostile(api.Key, api.Max, 8<<10, nil) {
			frame := wiretest.Frame(api.Key, api.Max, 77, "x", req)
			allocated, answered := measureWith(t, frame, allowing(createInCluster))
			if want := costs[api.Name]; allocated > want.allocated*len(frame)+costConstant && !raceDetector || answered > want.answered*len(frame)+1024 {
				t.Errorf("%s, %s: request of %d bytes: %d allocated, %d answered; want at most %d and %d for each byte",
					api.Name, shape, len(frame), allocated, answered, want.allocated, want.answered)
			}
		}
	}
}

// measure serves a request and says what it took. Requests that are none cost their violation.
func measure(t *testing.T, frame []byte) (allocated, answered int) {
	t.Helper()
	return measureWith(t, frame, nil)
}

// measureWith is measure with rules of who may do what.
func measureWith(t *testing.T, frame []byte, rules *authorizer.Rules) (allocated, answered int) {
	t.Helper()
	b, c1, c2 := facade()
	b.Authorize(rules)
	c1.respond, c2.respond = emptily, emptily
	b.Let(broker.AccessAll)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	r := &pending{}
	h, body, err := b.ParseHeader(frame[4:])
	if err == nil {
		err = b.Serve(call(h, body, r))
	}
	runtime.ReadMemStats(&after)
	for _, a := range r.answers {
		answered += len(a.Frame)
		if a.Violation != nil {
			err = a.Violation
		}
	}
	if err != nil && len(err.Error()) > 1024 {
		t.Errorf("a violation of %d bytes: %.100s…", len(err.Error()), err)
	}
	return int(after.TotalAlloc - before.TotalAlloc), answered
}

// emptily responds with nothing to whatever is asked.
//
//nolint:ireturn // kmsg has one type per API
func emptily(_ target.Broker, request kmsg.Request) (kmsg.Response, error) {
	return request.ResponseKind(), nil
}

// hostile makes requests of about n bytes that ask for much.
func hostile(key wire.APIKey, version int16, n int, bombs map[string][]byte) map[string]kmsg.Request {
	switch key {
	case wire.KeyProduce:
		return hostileProduce(version, n, bombs)
	case wire.KeyMetadata:
		return hostileMetadata(version, n)
	case wire.KeyFetch:
		topics, partitions := kmsg.NewPtrFetchRequest(), kmsg.NewPtrFetchRequest()
		topics.Topics = make([]kmsg.FetchRequestTopic, min(n/6, wire.MaxControlElements))
		many := make([]kmsg.FetchRequestTopicPartition, min(n/16, wire.MaxControlElements-1))
		partitions.Topics = []kmsg.FetchRequestTopic{{Partitions: many}}
		served := kmsg.NewPtrFetchRequest()
		served.Topics = []kmsg.FetchRequestTopic{{Topic: "apples", TopicID: [16]byte{1}, Partitions: many}}
		return map[string]kmsg.Request{"topics": topics, "partitions": partitions, "served": served}
	case wire.KeyDescribeGroups, wire.KeyListGroups, wire.KeyDeleteGroups, wire.KeyOffsetDelete:
		return hostileGroups(key, n)
	case wire.KeyListOffsets:
		return hostileListOffsets(n)
	case wire.KeyOffsetForLeaderEpoch:
		return hostileLeaderEpochs(n)
	case wire.KeyFindCoordinator:
		keys, long := kmsg.NewPtrFindCoordinatorRequest(), kmsg.NewPtrFindCoordinatorRequest()
		keys.CoordinatorKeys = make([]string, min(n, wire.MaxControlElements))
		long.CoordinatorKey = strings.Repeat("\x00", min(n, 32767))
		return map[string]kmsg.Request{"keys": keys, "long key": long}
	case wire.KeyOffsetCommit, wire.KeyOffsetFetch:
		return hostileOffsets(key, version, n)
	case wire.KeyJoinGroup, wire.KeySyncGroup, wire.KeyHeartbeat, wire.KeyLeaveGroup:
		return hostileMember(key, n)
	case wire.KeyApiVersions:
		long := kmsg.NewPtrApiVersionsRequest()
		long.ClientSoftwareName, long.ClientSoftwareVersion = strings.Repeat("a", min(n, 32767)), strings.Repeat("1", min(n, 32767))
		return map[string]kmsg.Request{"long name": long}
	case wire.KeySaslHandshake:
		long := kmsg.NewPtrSASLHandshakeRequest()
		long.Mechanism = strings.Repeat("\x00", min(n, 32767))
		return map[string]kmsg.Request{"long name": long}
	case wire.KeySaslAuthenticate:
		long := kmsg.NewPtrSASLAuthenticateRequest()
		long.SASLAuthBytes = make([]byte, n)
		return map[string]kmsg.Request{"long token": long}
	case wire.KeyInitProducerID:
		long := kmsg.NewPtrInitProducerIDRequest()
		long.TransactionalID = new(strings.Repeat("\x00", min(n, 32767)))
		return map[string]kmsg.Request{"long id": long}
	case wire.KeyConsumerGroupHeartbeat:
		return hostileHeartbeat(n)
	case wire.KeyConsumerGroupDescribe:
		groups, long := kmsg.NewPtrConsumerGroupDescribeRequest(), kmsg.NewPtrConsumerGroupDescribeRequest()
		groups.Groups = make([]string, min(n, wire.MaxControlElements))
		long.Groups = []string{strings.Repeat("\x00", min(n, 32767))}
		return map[string]kmsg.Request{"groups": groups, "long name": long}
	default:
		if requests := hostileAdministration(key, n); requests != nil {
			return requests
		}
		panic("what would a hostile client ask with " + key.String() + "?")
	}
}

// hostileOffsets is for the offsets of many topics, partitions and groups, with and without rules.
func hostileOffsets(key wire.APIKey, version int16, n int) map[string]kmsg.Request {
	id := strings.Repeat("\x00", min(n, 32767))
	shapes := map[string]kmsg.Request{}
	for _, name := range []string{"", "apples", "bananas", "z"} {
		if key == wire.KeyOffsetCommit {
			topics, partitions := kmsg.NewPtrOffsetCommitRequest(), kmsg.NewPtrOffsetCommitRequest()
			for range min(n/(8+len(name)), wire.MaxControlElements) {
				topics.Topics = append(topics.Topics, kmsg.OffsetCommitRequestTopic{Topic: name})
			}
			one := kmsg.OffsetCommitRequestTopic{Topic: name}
			one.Partitions = make([]kmsg.OffsetCommitRequestTopicPartition, min(n/16, wire.MaxControlElements-1))
			for i := range one.Partitions {
				one.Partitions[i].Partition = int32(i)
			}
			partitions.Topics = []kmsg.OffsetCommitRequestTopic{one}
			shapes["topics "+name], shapes["partitions "+name] = topics, partitions
			continue
		}
		topics, partitions := fetchOffsets(version, nil, "g"), fetchOffsets(version, nil, "g")
		one := kmsg.OffsetFetchRequestGroupTopic{Topic: name, Partitions: make([]int32, min(n/4, wire.MaxControlElements-3))}
		for i := range one.Partitions {
			one.Partitions[i] = int32(i)
		}
		for range min(n/(4+len(name)), wire.MaxControlElements-2) {
			topics.Topics = append(topics.Topics, kmsg.OffsetFetchRequestTopic{Topic: name})
			topics.Groups[0].Topics = append(topics.Groups[0].Topics, kmsg.OffsetFetchRequestGroupTopic{Topic: name})
		}
		partitions.Topics = []kmsg.OffsetFetchRequestTopic{{Topic: name, Partitions: one.Partitions}}
		partitions.Groups[0].Topics = []kmsg.OffsetFetchRequestGroupTopic{one}
		shapes["topics "+name], shapes["partitions "+name] = topics, partitions
	}
	if key == wire.KeyOffsetCommit {
		shapes["long id"] = &kmsg.OffsetCommitRequest{Group: id}
		return shapes
	}
	shapes["long id"] = fetchOffsets(version, []string{"apples"}, id)
	groups := fetchOffsets(8, nil, "")
	groups.Groups = make([]kmsg.OffsetFetchRequestGroup, min(n/4, wire.MaxControlElements))
	shapes["groups"] = groups
	return shapes
}

// hostileMember has a member of a group with a long id, and one that says much.
func hostileMember(key wire.APIKey, n int) map[string]kmsg.Request {
	id := strings.Repeat("\x00", min(n, 32767))
	switch key {
	case wire.KeyJoinGroup:
		much := kmsg.NewPtrJoinGroupRequest()
		much.Protocols = make([]kmsg.JoinGroupRequestProtocol, min(n/3, wire.MaxControlElements))
		return map[string]kmsg.Request{"long id": &kmsg.JoinGroupRequest{Group: id}, "long member": &kmsg.JoinGroupRequest{MemberID: id}, "protocols": much}
	case wire.KeySyncGroup:
		much := kmsg.NewPtrSyncGroupRequest()
		much.GroupAssignment = make([]kmsg.SyncGroupRequestGroupAssignment, min(n/3, wire.MaxControlElements))
		return map[string]kmsg.Request{"long id": &kmsg.SyncGroupRequest{Group: id}, "assignments": much}
	case wire.KeyLeaveGroup:
		much := kmsg.NewPtrLeaveGroupRequest()
		much.Members = make([]kmsg.LeaveGroupRequestMember, min(n/3, wire.MaxControlElements))
		return map[string]kmsg.Request{"long id": &kmsg.LeaveGroupRequest{Group: id}, "members": much}
	default:
		return map[string]kmsg.Request{"long id": &kmsg.HeartbeatRequest{Group: id}}
	}
}

// hostileHeartbeat has a member subscribe to much, or say that it owns much.
func hostileHeartbeat(n int) map[string]kmsg.Request {
	names, topics, partitions := kmsg.NewPtrConsumerGroupHeartbeatRequest(), kmsg.NewPtrConsumerGroupHeartbeatRequest(), kmsg.NewPtrConsumerGroupHeartbeatRequest()
	for i := range min(n/8, wire.MaxControlElements) {
		names.SubscribedTopicNames = append(names.SubscribedTopicNames, "apples"+strconv.FormatInt(int64(i), 36))
	}
	for i := range min(n/18, wire.MaxControlElements) {
		topic := kmsg.ConsumerGroupHeartbeatRequestTopic{}
		binary.BigEndian.PutUint32(topic.TopicID[:], uint32(i))
		topics.Topics = append(topics.Topics, topic)
	}
	partitions.Topics = []kmsg.ConsumerGroupHeartbeatRequestTopic{{Partitions: make([]int32, min(n/4, wire.MaxControlElements-1))}}
	return map[string]kmsg.Request{"names": names, "topics": topics, "partitions": partitions}
}

func hostileMetadata(version int16, n int) map[string]kmsg.Request {
	names := func(prefix string, count, length int) kmsg.Request {
		r := kmsg.NewPtrMetadataRequest()
		for i := range min(count, wire.MaxControlElements) {
			topic := kmsg.NewMetadataRequestTopic()
			topic.Topic = new(prefix + strconv.FormatInt(int64(i), 36) + strings.Repeat("\x00", length))
			r.Topics = append(r.Topics, topic)
		}
		return r
	}
	shapes := map[string]kmsg.Request{
		"short names":   names("", n/5, 0),
		"matching":      names("apples", n/12, 0),
		"invalid":       names("", n/8, 4),
		"the same name": metadataRequest(strings.Split(strings.Repeat("a,", min(n/3, wire.MaxControlElements-1)), ",")...),
		"long names":    names("", n/32000+1, min(n, 32000)),
	}
	if version >= 10 {
		r := kmsg.NewPtrMetadataRequest()
		for i := range min(n/18, wire.MaxControlElements) {
			topic := kmsg.NewMetadataRequestTopic()
			binary.BigEndian.PutUint32(topic.TopicID[:], uint32(i))
			r.Topics = append(r.Topics, topic)
		}
		shapes["ids"] = r
	}
	return shapes
}

func hostileProduce(version int16, n int, bombs map[string][]byte) map[string]kmsg.Request {
	partitions := func(topic string, acks int16, records []byte) kmsg.Request {
		r := produceRequest(acks, nil)
		t := kmsg.NewProduceRequestTopic()
		t.Topic = topic
		for i := range min(max(n-len(topic), 0)/(6+len(records))+1, wire.MaxElements-1) {
			p := kmsg.NewProduceRequestTopicPartition()
			p.Partition, p.Records = int32(i), records
			t.Partitions = append(t.Partitions, p)
		}
		r.Topics = append(r.Topics, t)
		return r
	}
	topics := produceRequest(-1, nil)
	for range min(n/4, wire.MaxElements) {
		topics.Topics = append(topics.Topics, kmsg.ProduceRequestTopic{Topic: "z"})
	}
	eachTopic := produceRequest(-1, nil)
	for range min(n/10, wire.MaxElements/2) {
		eachTopic.Topics = append(eachTopic.Topics, kmsg.ProduceRequestTopic{
			Topic: "z", Partitions: []kmsg.ProduceRequestTopicPartition{{}},
		})
	}
	shapes := map[string]kmsg.Request{
		"no rule":             partitions("z", -1, nil),
		"no rule, longest":    partitions(strings.Repeat("z", 249), -1, nil),
		"too long":            partitions(strings.Repeat("n", 32767), -1, nil),
		"too long, escaped":   partitions(strings.Repeat("\x00", 32767), -1, nil),
		"too long, acks 0":    partitions(strings.Repeat("\x00", 32767), 0, nil),
		"unknown acks":        partitions("apples", 7, nil),
		"null records":        partitions("apples", -1, nil),
		"garbage for records": partitions("apples", -1, bytes.Repeat([]byte{0x7f}, 17)),
		"small batches":       partitions("apples", -1, wiretest.Batch{Records: []wiretest.Record{{}}}.Bytes()),
		"topics":              topics,
		"topics of one":       eachTopic,
	}
	if version < 3 {
		for name, set := range bombs {
			shapes[name] = partitions("apples", -1, set)
		}
	}
	return shapes
}

// bombs are message sets that come to much more than they are.
func bombs() map[string][]byte {
	null := oldMessage(0, nil)
	return map[string][]byte{
		"the smallest messages":         null,
		"gzip of zeros":                 gzipped(oldMessage(0, make([]byte, 31<<20))),
		"gzip of the smallest messages": gzipped(bytes.Repeat(null, (31<<20)/len(null))),
		"gzip of little, often":         gzipped(bytes.Repeat(null, 1000)),
	}
}

// oldMessage is a message of magic 0.
func oldMessage(attributes byte, value []byte) []byte {
	m := make([]byte, 12, 40+len(value))
	m = append(m, 0, 0, 0, 0, 0, attributes)
	m = binary.BigEndian.AppendUint32(m, 0xffffffff)
	m = binary.BigEndian.AppendUint32(m, uint32(len(value)))
	m = append(m, value...)
	binary.BigEndian.PutUint32(m[8:], uint32(len(m)-12))
	binary.BigEndian.PutUint32(m[12:], crc32.ChecksumIEEE(m[16:]))
	return m
}

// gzipped is a message set compressed into one message.
func gzipped(set []byte) []byte {
	var z bytes.Buffer
	w, err := gzip.NewWriterLevel(&z, gzip.BestCompression)
	if err == nil {
		_, err = w.Write(set)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		panic(fmt.Sprint(err)) // a buffer takes everything
	}
	return oldMessage(1, z.Bytes())
}
