package broker_test

import (
	"bytes"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/authorizer"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/broker"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire/wiretest"
)

// right is what one rule allows.
type right struct {
	o authorizer.Operation
	k authorizer.Kind
}

func (r right) String() string { return r.o.String() + " " + r.k.String() }

// The rights that requests ask for.
var (
	readTopic       = right{authorizer.Read, authorizer.Topic}
	writeTopic      = right{authorizer.Write, authorizer.Topic}
	createTopic     = right{authorizer.Create, authorizer.Topic}
	describeTopic   = right{authorizer.Describe, authorizer.Topic}
	alterTopic      = right{authorizer.Alter, authorizer.Topic}
	deleteTopic     = right{authorizer.Delete, authorizer.Topic}
	describeConfigs = right{authorizer.DescribeConfigs, authorizer.Topic}
	alterConfigs    = right{authorizer.AlterConfigs, authorizer.Topic}
	readGroup       = right{authorizer.Read, authorizer.Group}
	describeGroup   = right{authorizer.Describe, authorizer.Group}
	deleteGroup     = right{authorizer.Delete, authorizer.Group}
	createInCluster = right{authorizer.Create, authorizer.Cluster}
	describes       = []right{describeTopic, readTopic, writeTopic, alterTopic, deleteTopic}
	describesGroup  = []right{describeGroup, readGroup, deleteGroup}
)

// rights are all that there are.
func rights() (all []right) {
	for k := authorizer.Topic; k <= authorizer.Cluster; k++ {
		k.Operations().Each(func(o authorizer.Operation) { all = append(all, right{o, k}) })
	}
	return all
}

// allowing are rules that allow everybody some rights.
func allowing(some ...right) *authorizer.Rules {
	rules := []authorizer.Rule{{Principals: []string{"*"}, Operations: authorizer.All, Topics: []string{"nobody's"}}}
	for _, r := range some {
		rule := authorizer.Rule{Allow: true, Principals: []string{"*"}, Operations: authorizer.Of(r.o), Cluster: r.k == authorizer.Cluster}
		*map[authorizer.Kind]*[]string{
			authorizer.Topic: &rule.Topics, authorizer.Group: &rule.Groups, authorizer.TransactionalID: &rule.TransactionalIDs, authorizer.Cluster: new([]string),
		}[r.k] = []string{"*"}
		rules = append(rules, rule)
	}
	return authorizer.New(rules)
}

const (
	noTopic   = "TOPIC_AUTHORIZATION_FAILED"
	noGroup   = "GROUP_AUTHORIZATION_FAILED"
	noCluster = "CLUSTER_AUTHORIZATION_FAILED"
)

// guarded is how one API is guarded.
type guarded struct {
	request func(version int16) kmsg.Request
	// otherwise is the code for a client without the right; empty: there is none.
	otherwise string
	// enough are the rights each of which is, and first those of which one is asked for before that. Who has one of first alone gets then.
	enough, first []right
	then          string
}

// guards has a row for each API.
func guards() map[wire.APIKey]guarded {
	topics := []string{"apples"}
	free := func(request kmsg.Request) guarded {
		return guarded{request: func(int16) kmsg.Request { return request }}
	}
	one := func(request kmsg.Request, otherwise string, enough ...right) guarded {
		return guarded{request: func(int16) kmsg.Request { return request }, otherwise: otherwise, enough: enough}
	}
	two := func(request kmsg.Request, first, enough []right) guarded {
		return guarded{request: func(int16) kmsg.Request { return request }, otherwise: noGroup, first: first, enough: enough, then: noTopic}
	}
	offsets := two(nil, describesGroup, describes)
	offsets.request = func(version int16) kmsg.Request { return fetchOffsets(version, topics, "g") }
	return map[wire.APIKey]guarded{
		wire.KeyProduce:              one(produceRequest(-1, nil, topics...), noTopic, writeTopic),
		wire.KeyFetch:                {request: func(int16) kmsg.Request { return fetchOfApples() }, otherwise: noTopic, enough: []right{readTopic}},
		wire.KeyListOffsets:          one(&kmsg.ListOffsetsRequest{Topics: []kmsg.ListOffsetsRequestTopic{{Topic: "apples", Partitions: make([]kmsg.ListOffsetsRequestTopicPartition, 1)}}}, noTopic, describes...),
		wire.KeyMetadata:             one(metadataRequest(topics...), noTopic, describes...),
		wire.KeyOffsetCommit:         two(&kmsg.OffsetCommitRequest{Group: "g", Generation: -1, Topics: []kmsg.OffsetCommitRequestTopic{{Topic: "apples", Partitions: make([]kmsg.OffsetCommitRequestTopicPartition, 1)}}}, []right{readGroup}, []right{readTopic}),
		wire.KeyOffsetFetch:          offsets,
		wire.KeyFindCoordinator:      one(&kmsg.FindCoordinatorRequest{CoordinatorKey: "g", CoordinatorKeys: []string{"g"}}, noGroup, describesGroup...),
		wire.KeyJoinGroup:            one(&kmsg.JoinGroupRequest{Group: "g"}, noGroup, readGroup),
		wire.KeyHeartbeat:            one(&kmsg.HeartbeatRequest{Group: "g"}, noGroup, readGroup),
		wire.KeyLeaveGroup:           one(&kmsg.LeaveGroupRequest{Group: "g"}, noGroup, readGroup),
		wire.KeySyncGroup:            one(&kmsg.SyncGroupRequest{Group: "g"}, noGroup, readGroup),
		wire.KeyDescribeGroups:       one(&kmsg.DescribeGroupsRequest{Groups: []string{"g"}}, noGroup, describesGroup...),
		wire.KeyListGroups:           free(kmsg.NewPtrListGroupsRequest()), // see TestGroupsThatMayNotBeSeen
		wire.KeyApiVersions:          free(&kmsg.ApiVersionsRequest{ClientSoftwareName: "x", ClientSoftwareVersion: "1"}),
		wire.KeySaslHandshake:        free(kmsg.NewPtrSASLHandshakeRequest()), // who somebody is, is asked before
		wire.KeySaslAuthenticate:     free(kmsg.NewPtrSASLAuthenticateRequest()),
		wire.KeyCreateTopics:         one(&kmsg.CreateTopicsRequest{Topics: []kmsg.CreateTopicsRequestTopic{{Topic: "apples"}}}, noTopic, createTopic, createInCluster),
		wire.KeyDeleteTopics:         one(&kmsg.DeleteTopicsRequest{TopicNames: topics, Topics: []kmsg.DeleteTopicsRequestTopic{{Topic: &topics[0]}}}, noTopic, deleteTopic),
		wire.KeyDeleteRecords:        one(&kmsg.DeleteRecordsRequest{Topics: []kmsg.DeleteRecordsRequestTopic{{Topic: "apples", Partitions: make([]kmsg.DeleteRecordsRequestTopicPartition, 1)}}}, noTopic, deleteTopic),
		wire.KeyInitProducerID:       one(kmsg.NewPtrInitProducerIDRequest(), noCluster, writeTopic),
		wire.KeyOffsetForLeaderEpoch: one(&kmsg.OffsetForLeaderEpochRequest{Topics: []kmsg.OffsetForLeaderEpochRequestTopic{{Topic: "apples", Partitions: make([]kmsg.OffsetForLeaderEpochRequestTopicPartition, 1)}}}, noTopic, describes...),
		wire.KeyDescribeConfigs:      one(&kmsg.DescribeConfigsRequest{Resources: []kmsg.DescribeConfigsRequestResource{{ResourceType: kmsg.ConfigResourceTypeTopic, ResourceName: "apples"}}}, noTopic, describeConfigs, alterConfigs),
		wire.KeyAlterConfigs:         one(&kmsg.AlterConfigsRequest{Resources: []kmsg.AlterConfigsRequestResource{{ResourceType: kmsg.ConfigResourceTypeTopic, ResourceName: "apples"}}}, noTopic, alterConfigs),
		wire.KeyCreatePartitions:     one(&kmsg.CreatePartitionsRequest{Topics: []kmsg.CreatePartitionsRequestTopic{{Topic: "apples"}}}, noTopic, alterTopic),
		wire.KeyDeleteGroups:         one(&kmsg.DeleteGroupsRequest{Groups: []string{"g"}}, noGroup, deleteGroup),
		wire.KeyIncrementalAlterConfigs: one(&kmsg.IncrementalAlterConfigsRequest{
			Resources: []kmsg.IncrementalAlterConfigsRequestResource{{ResourceType: kmsg.ConfigResourceTypeTopic, ResourceName: "apples"}},
		}, noTopic, alterConfigs),
		wire.KeyOffsetDelete:            two(&kmsg.OffsetDeleteRequest{Group: "g", Topics: []kmsg.OffsetDeleteRequestTopic{{Topic: "apples", Partitions: make([]kmsg.OffsetDeleteRequestTopicPartition, 1)}}}, []right{deleteGroup}, []right{readTopic}),
		wire.KeyDescribeCluster:         free(&kmsg.DescribeClusterRequest{EndpointType: 1}), // it tells of the mesh alone
		wire.KeyConsumerGroupHeartbeat:  two(&kmsg.ConsumerGroupHeartbeatRequest{Group: "g", MemberID: "m", SubscribedTopicNames: topics, RebalanceTimeoutMillis: 1}, []right{readGroup}, describes),
		wire.KeyConsumerGroupDescribe:   one(&kmsg.ConsumerGroupDescribeRequest{Groups: []string{"g"}}, noGroup, describesGroup...),
		wire.KeyDescribeTopicPartitions: one(&kmsg.DescribeTopicPartitionsRequest{Topics: []kmsg.DescribeTopicPartitionsRequestTopic{{Topic: "apples"}}, ResponsePartitionLimit: 9}, noTopic, describes...),
	}
}

// fetchOfApples names them by name, or by id.
func fetchOfApples() *kmsg.FetchRequest {
	r := kmsg.NewPtrFetchRequest()
	r.SessionEpoch, r.MaxBytes = -1, 1<<20
	r.Topics = []kmsg.FetchRequestTopic{{Topic: "apples", TopicID: [16]byte{1}, Partitions: []kmsg.FetchRequestTopicPartition{kmsg.NewFetchRequestTopicPartition()}}}
	return r
}

// want is what a client is told that has one right alone.
func (g *guarded) want(key wire.APIKey, version int16, r right) string {
	switch {
	case key == wire.KeyFetch && version >= 13 && !slices.Contains(describes, r):
		return "UNKNOWN_TOPIC_ID"
	case slices.Contains(g.first, r):
		return g.then
	case g.first == nil && slices.Contains(g.enough, r):
		return ""
	default:
		return g.otherwise
	}
}

// TestEachAPIIsGuarded goes over all APIs, in each version, as a client that has one right alone: whoever may not is told so in Kafka's words,
// and no cluster is asked, but for the group whose offsets of other topics may be deleted. An API that is new has to have its row.
func TestEachAPIIsGuarded(t *testing.T) {
	t.Parallel()
	rows := guards()
	for _, api := range broker.APIs() {
		row, ok := rows[api.Key]
		if !ok {
			t.Errorf("nobody has said who may ask for %s: add a row to guards", api.Name)
			continue
		}
		for version := api.Min; version <= api.Max; version++ {
			for _, r := range rights() {
				want := row.want(api.Key, version, r)
				if told, asked := tell(t, api.Key, version, row.request(version), allowing(r)); told != want || asked && want != "" && api.Key != wire.KeyOffsetDelete {
					t.Errorf("%s v%d with %v: told %q, asked the clusters: %t; want %q", api.Name, version, r, told, asked, want)
				}
			}
			for _, f := range row.first {
				for _, r := range row.enough {
					if told, _ := tell(t, api.Key, version, row.request(version), allowing(f, r)); told != "" {
						t.Errorf("%s v%d with %v and %v: told %q", api.Name, version, f, r, told)
					}
				}
			}
		}
	}
}

// tell asks the facade with some rules, and returns the codes of authorization in the answer, and whether a cluster was asked.
func tell(t *testing.T, key wire.APIKey, version int16, request kmsg.Request, rules *authorizer.Rules) (told string, asked bool) {
	t.Helper()
	b, c1, c2 := facade()
	c1.respond, c2.respond = emptily, emptily
	b.Let(broker.AccessAll)
	b.Authorize(rules)
	a := ask(t, b, key, version, request)
	asked = len(c1.asked)+len(c2.asked)+len(c1.got)+len(c2.got)+len(c1.fetchings)+len(c2.fetchings) > 0
	_, response, err := wiretest.ParseResponse(key, version, bytes.Join(append([][]byte{a.Frame}, a.Parts...), nil))
	if err != nil {
		t.Fatal(err)
	}
	if denied := a.Refusal.Denied != nil; denied != (told != "") && a.Refusal.Code.String() == told {
		t.Errorf("%v v%d: refusal %+v and told %q", key, version, a.Refusal, told)
	}
	return strings.Join(codesIn(reflect.ValueOf(response)), " "), asked
}

// codesIn are the codes of authorization in a response, each once.
func codesIn(v reflect.Value) (codes []string) {
	add := func(more ...string) {
		for _, code := range more {
			if !slices.Contains(codes, code) {
				codes = append(codes, code)
			}
		}
	}
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			return codesIn(v.Elem())
		}
	case reflect.Slice:
		for i := range v.Len() {
			add(codesIn(v.Index(i))...)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if field := v.Field(i); v.Type().Field(i).Name != "ErrorCode" {
				add(codesIn(field)...)
			} else if code := wire.ErrorCode(field.Int()); strings.Contains(code.String(), "AUTHORIZATION") || code == wire.UnknownTopicID {
				add(code.String())
			}
		}
	default:
	}
	return codes
}
