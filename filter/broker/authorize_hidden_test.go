package broker_test

import (
	"bytes"
	"errors"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/authorizer"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/broker"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/route"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/target"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire/wiretest"
)

// onlyApples may do everything with apples and groups whose ids begin with g, and nothing with anything else.
func onlyApples() *authorizer.Rules {
	return authorizer.New([]authorizer.Rule{{
		Name: "apples", Allow: true, Principals: []string{"*"}, Operations: authorizer.All, Topics: []string{"apples*"}, Groups: []string{"g*"},
	}})
}

// hiding is a facade whose clients may know of apples alone.
func hiding() (b *broker.Broker, c1, c2 *fake) {
	b, c1, c2 = facade()
	c1.respond, c2.respond = emptily, emptily
	b.Let(broker.AccessAll)
	b.Authorize(onlyApples())
	return b, c1, c2
}

// namesTold are the names in an answer of Metadata, or the codes of topics without one.
func namesTold(r *kmsg.MetadataResponse) (names []string) {
	for _, topic := range r.Topics {
		name := wire.ErrorCode(topic.ErrorCode).String()
		if topic.Topic != nil {
			name = *topic.Topic + " " + name
		}
		names = append(names, name)
	}
	return names
}

// A client learns nothing of topics that it may not describe: neither from lists, nor from whether they exist.
func TestHiddenTopics(t *testing.T) {
	t.Parallel()
	b, c1, c2 := hiding()
	metadata := func(request *kmsg.MetadataRequest) []string {
		return namesTold(parse[*kmsg.MetadataResponse](t, wire.KeyMetadata, 12, ask(t, b, wire.KeyMetadata, 12, request)))
	}
	all := kmsg.NewPtrMetadataRequest()
	all.Topics = nil
	if diff := cmp.Diff([]string{"apples NONE"}, metadata(all)); diff != "" {
		t.Errorf("all topics (-want +got):\n%s", diff)
	}
	named := metadataRequest("bananas", "bananas-none", "no-rule", "b/d", "apples")
	named.AllowAutoTopicCreation = true
	want := []string{
		"bananas TOPIC_AUTHORIZATION_FAILED", "bananas-none TOPIC_AUTHORIZATION_FAILED", "no-rule TOPIC_AUTHORIZATION_FAILED",
		"b/d TOPIC_AUTHORIZATION_FAILED", "apples NONE",
	}
	if diff := cmp.Diff(want, metadata(named)); diff != "" {
		t.Errorf("by name (-want +got):\n%s", diff)
	}
	if len(c1.created)+len(c2.created) > 0 {
		t.Errorf("%q and %q are created", c1.created, c2.created)
	}
	ids := kmsg.NewPtrMetadataRequest()
	for _, id := range []byte{1, 2, 3} {
		ids.Topics = append(ids.Topics, kmsg.MetadataRequestTopic{TopicID: [16]byte{id}})
	}
	if diff := cmp.Diff([]string{"apples NONE", "UNKNOWN_TOPIC_ID", "UNKNOWN_TOPIC_ID"}, metadata(ids)); diff != "" {
		t.Errorf("by id (-want +got):\n%s", diff)
	}
	pages := &kmsg.DescribeTopicPartitionsRequest{ResponsePartitionLimit: 9}
	said := parse[*kmsg.DescribeTopicPartitionsResponse](t, wire.KeyDescribeTopicPartitions, 0, ask(t, b, wire.KeyDescribeTopicPartitions, 0, pages))
	if len(said.Topics) != 1 || *said.Topics[0].Topic != "apples" {
		t.Errorf("pages of all topics tell of %+v, want apples alone", said.Topics)
	}
}

// An id of a topic that the client may not describe is one that nobody knows, and is not forgotten for that.
func TestHiddenIDs(t *testing.T) {
	t.Parallel()
	b, c1, c2 := hiding()
	fetch := func(b *broker.Broker, id byte) wire.ErrorCode {
		request := fetchOfApples()
		request.Topics[0].TopicID = [16]byte{id}
		a := ask(t, b, wire.KeyFetch, 13, request)
		_, response, err := wiretest.ParseResponse(wire.KeyFetch, 13, bytes.Join(append([][]byte{a.Frame}, a.Parts...), nil))
		if err != nil {
			t.Fatal(err)
		}
		return wire.ErrorCode(response.(*kmsg.FetchResponse).Topics[0].Partitions[0].ErrorCode)
	}
	for id, want := range map[byte]wire.ErrorCode{1: wire.None, 2: wire.UnknownTopicID, 3: wire.UnknownTopicID} {
		if got := fetch(b, id); got != want {
			t.Errorf("Fetch of id %d: %v, want %v", id, got, want)
		}
	}
	if len(c2.fetchings) > 0 || len(c1.fetchings) != 1 {
		t.Errorf("%d and %d clusters' topics are read, want 1 and none", len(c1.fetchings), len(c2.fetchings))
	}
	request := kmsg.NewPtrDeleteTopicsRequest()
	for _, id := range []byte{1, 2, 3} {
		request.Topics = append(request.Topics, kmsg.DeleteTopicsRequestTopic{TopicID: [16]byte{id}})
	}
	deleted := parse[*kmsg.DeleteTopicsResponse](t, wire.KeyDeleteTopics, 6, ask(t, b, wire.KeyDeleteTopics, 6, request))
	var codes []string
	for _, topic := range deleted.Topics {
		codes = append(codes, wire.ErrorCode(topic.ErrorCode).String())
	}
	if diff := cmp.Diff([]string{"UNKNOWN_SERVER_ERROR", "UNKNOWN_TOPIC_ID", "UNKNOWN_TOPIC_ID"}, codes); diff != "" || len(c2.asked) > 0 {
		t.Errorf("deleted by id, with %d requests to the other cluster (-want +got):\n%s", len(c2.asked), diff)
	}
}

// Groups that may not be described are in no list, unless the client may describe the cluster.
func TestHiddenGroups(t *testing.T) {
	t.Parallel()
	everything := []authorizer.Rule{{Allow: true, Principals: []string{"*"}, Operations: authorizer.Of(authorizer.Describe), Cluster: true}}
	for want, rules := range map[int]*authorizer.Rules{1: onlyApples(), 2: authorizer.New(everything), 0: allowing(describeTopic)} {
		b, c1, c2 := hiding()
		b.Authorize(rules)
		c1.nodes, c2.nodes = []int32{1}, []int32{1}
		c1.respond = func(target.Broker, kmsg.Request) (kmsg.Response, error) {
			response := kmsg.NewPtrListGroupsResponse()
			response.Groups = []kmsg.ListGroupsResponseGroup{{Group: "g1", ProtocolType: "consumer"}, {Group: "hidden", ProtocolType: "consumer"}}
			return response, nil
		}
		c2.respond = func(target.Broker, kmsg.Request) (kmsg.Response, error) { return nil, errors.New("nobody is there") }
		r := parse[*kmsg.ListGroupsResponse](t, wire.KeyListGroups, 5, ask(t, b, wire.KeyListGroups, 5, kmsg.NewPtrListGroupsRequest()))
		if len(r.Groups) != want || r.ErrorCode != 0 {
			t.Errorf("listed %+v, code %v; want %d", r.Groups, wire.ErrorCode(r.ErrorCode), want)
		}
	}
}

// Who asks for all offsets of a group is told those of topics that may be described.
func TestHiddenOffsets(t *testing.T) {
	t.Parallel()
	c1 := &fake{}
	b := broker.New(broker.APIs(), route.Tables{Read: route.New([]route.Rule{{Cluster: "c1"}}), DefaultHome: "c1"},
		map[string]broker.Upstream{"c1": {Cluster: c1, Brokers: c1}}, wire.TopicAuthorizationFailed, broker.Counts{})
	b.Authorize(onlyApples())
	c1.respond = func(_ target.Broker, request kmsg.Request) (kmsg.Response, error) {
		response := kmsg.NewPtrOffsetFetchResponse()
		response.SetVersion(request.GetVersion())
		topics := []kmsg.OffsetFetchResponseGroupTopic{{Topic: "apples"}, {Topic: "apricots"}}
		response.Groups = []kmsg.OffsetFetchResponseGroup{{Group: "g", Topics: topics}}
		return response, nil
	}
	request := fetchOffsets(9, nil, "g")
	request.Groups[0].Topics = nil
	r := parse[*kmsg.OffsetFetchResponse](t, wire.KeyOffsetFetch, 9, ask(t, b, wire.KeyOffsetFetch, 9, request))
	if topics := r.Groups[0].Topics; len(topics) != 1 || topics[0].Topic != "apples" {
		t.Errorf("offsets of %+v, want those of apples alone", topics)
	}
}

// Who may write a topic and not create it has none created by asking for it; what is created has its configuration told to those who may
// see it.
func TestCreationDenied(t *testing.T) {
	t.Parallel()
	b, c1, _ := hiding()
	b.Authorize(allowing(writeTopic))
	request := metadataRequest("apples-new")
	request.AllowAutoTopicCreation = true
	r := parse[*kmsg.MetadataResponse](t, wire.KeyMetadata, 12, ask(t, b, wire.KeyMetadata, 12, request))
	if code := wire.ErrorCode(r.Topics[0].ErrorCode); code != wire.UnknownTopicOrPartition || len(c1.created) > 0 {
		t.Errorf("told %v, created %q; want an unknown topic and none", code, c1.created)
	}
	for _, enough := range []right{createTopic, createInCluster} {
		b.Authorize(allowing(writeTopic, enough))
		if ask(t, b, wire.KeyMetadata, 12, request); len(c1.created) != 1 {
			t.Errorf("created %q with %v, want one", c1.created, enough)
		}
		c1.created = nil
	}
	c1.respond = func(target.Broker, kmsg.Request) (kmsg.Response, error) {
		response := kmsg.NewPtrCreateTopicsResponse()
		topic := kmsg.NewCreateTopicsResponseTopic()
		topic.Topic, topic.NumPartitions, topic.ReplicationFactor = "apples-new", 3, 1
		topic.Configs = []kmsg.CreateTopicsResponseTopicConfig{{Name: "retention.ms"}}
		response.Topics = append(response.Topics, topic)
		return response, nil
	}
	create := &kmsg.CreateTopicsRequest{Topics: []kmsg.CreateTopicsRequestTopic{{Topic: "apples-new"}}}
	for seen, rules := range map[bool]*authorizer.Rules{false: allowing(createTopic), true: allowing(createTopic, describeConfigs)} {
		b.Authorize(rules)
		topic := parse[*kmsg.CreateTopicsResponse](t, wire.KeyCreateTopics, 7, ask(t, b, wire.KeyCreateTopics, 7, create)).Topics[0]
		if hidden := topic.NumPartitions == -1 && topic.ConfigErrorCode == 29 && topic.Configs == nil; hidden == seen || topic.ErrorCode != 0 {
			t.Errorf("told %+v, want it to tell of the configuration: %t", topic, seen)
		}
	}
}

// A group of the new protocol that has to do with topics that the client may not describe is not described.
func TestHiddenTopicsOfGroups(t *testing.T) {
	t.Parallel()
	for topic, want := range map[string]wire.ErrorCode{"apples": wire.None, "bananas": wire.TopicAuthorizationFailed} {
		b, c1, c2 := hiding()
		c1.respond = func(target.Broker, kmsg.Request) (kmsg.Response, error) {
			response := kmsg.NewPtrConsumerGroupDescribeResponse()
			member := kmsg.NewConsumerGroupDescribeResponseGroupMember()
			member.MemberID, member.SubscribedTopics = "m", []string{topic}
			response.Groups = []kmsg.ConsumerGroupDescribeResponseGroup{{Group: "g", Members: []kmsg.ConsumerGroupDescribeResponseGroupMember{member}}}
			return response, nil
		}
		c2.respond = c1.respond
		request := &kmsg.ConsumerGroupDescribeRequest{Groups: []string{"g"}}
		r := parse[*kmsg.ConsumerGroupDescribeResponse](t, wire.KeyConsumerGroupDescribe, 1, ask(t, b, wire.KeyConsumerGroupDescribe, 1, request))
		if g := r.Groups[0]; wire.ErrorCode(g.ErrorCode) != want || (len(g.Members) > 0) != (want == wire.None) {
			t.Errorf("with %s: %+v, want %v", topic, g, want)
		}
	}
}

// A denial is counted by its rule, and is in the refusal and the note; who logs in has other rights from then on.
func TestDenial(t *testing.T) {
	t.Parallel()
	set := stats.New(stats.NewTable(stats.Scope{Denying: []string{"no", "yes", "no_rule"}}))
	counts := broker.Counts{Denied: []stats.Value{set.Denied("no"), set.Denied("yes")}, DeniedByNone: set.Denied("no_rule")}
	c1 := &fake{topics: map[string]wire.Topic{"apples": {Name: "apples"}}}
	b := broker.New(broker.APIs(), route.Tables{Written: route.New([]route.Rule{{Cluster: "c1"}})}, map[string]broker.Upstream{"c1": {Cluster: c1, Brokers: c1}},
		wire.TopicAuthorizationFailed, counts)
	b.Authorize(authorizer.New([]authorizer.Rule{
		{Name: "no", Principals: []string{"ANONYMOUS"}, Operations: authorizer.All, Topics: []string{"apples"}},
		{Name: "yes", Allow: true, Principals: []string{"ann"}, Operations: authorizer.All, Topics: []string{"apples"}},
	}))
	frame := wiretest.Frame(wire.KeyProduce, 9, 77, "test", produceRequest(-1, nil, "apples", "bananas"))
	serve := func(c *broker.Client) (*broker.Note, broker.Answer) {
		h, body, err := b.ParseHeader(frame[4:])
		if err != nil {
			t.Fatal(err)
		}
		r, note := &pending{}, new(broker.Note)
		request := call(h, bytes.Clone(body), r)
		request.Client, request.Note = c, note
		if err := b.Serve(request); err != nil {
			t.Fatal(err)
		}
		return note, r.answers[0]
	}
	c := &broker.Client{Host: "mesh.example", Port: 9092}
	note, a := serve(c)
	want := broker.Denial{Principal: "ANONYMOUS", Operation: authorizer.Write, Kind: authorizer.Topic, Name: "apples", Rule: "no"}
	if a.Refusal.Denied == nil || *a.Refusal.Denied != want || a.Refusal.Why() != `principal "ANONYMOUS" may not WRITE topic "apples"` {
		t.Errorf("refusal %+v, %q, want %+v", a.Refusal.Denied, a.Refusal.Why(), want)
	}
	if rule, allowed := note.Decision(); rule != "no" || allowed || note.Reason() != a.Refusal.Why() {
		t.Errorf("noted %s, %t, %q; want a denial by no, and why", rule, allowed, note.Reason())
	}
	c.BecomePrincipal("ann", "PLAIN")
	note, a = serve(c)
	if rule, allowed := note.Decision(); rule != "no_rule" || allowed || len(c1.got) != 1 || a.Refusal.Denied.Principal != "ann" {
		t.Errorf("noted %s, %t, and %d batches sent; want bananas denied and apples sent", rule, allowed, len(c1.got))
	}
	for rule, want := range map[string]int64{"no": 1, "yes": 0, "no_rule": 2} {
		if got := set.Denied(rule).Load(); got != want {
			t.Errorf("%s has denied %d times, want %d", rule, got, want)
		}
	}
}

// TestHammerRights has a client log in while what it has asked before is looked at: it has the rights of nobody, or those of its principal.
func TestHammerRights(t *testing.T) {
	t.Parallel()
	for range 50 {
		b, _, _ := facade()
		b.Authorize(authorizer.New([]authorizer.Rule{{Allow: true, Principals: []string{"ann"}, Operations: authorizer.All, Topics: []string{"*"}}}))
		c := &broker.Client{Host: "mesh.example", Port: 9092}
		var group sync.WaitGroup
		ask := func() wire.ErrorCode {
			frame := wiretest.Frame(wire.KeyMetadata, 12, 77, "test", metadataRequest("apples"))
			h, body, err := b.ParseHeader(frame[4:])
			if err != nil {
				t.Error(err)
				return wire.UnknownServerError
			}
			r := &pending{}
			request := call(h, body, r)
			request.Client = c
			if err := b.Serve(request); err != nil {
				t.Error(err)
			}
			return r.answers[0].Refusal.Code
		}
		for range 3 {
			group.Go(func() {
				for range 10 {
					ask()
				}
			})
		}
		group.Go(func() { c.BecomePrincipal("ann", "PLAIN") })
		group.Wait()
		if code := ask(); code != wire.None {
			t.Fatalf("who has logged in is told %v", code)
		}
	}
}
