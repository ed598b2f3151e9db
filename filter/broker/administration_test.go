package broker_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/broker"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/target"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// administered are the APIs with which topics are administered by name, and what their requests need.
func administered() map[wire.APIKey]broker.Access {
	return map[wire.APIKey]broker.Access{
		wire.KeyCreateTopics: broker.AccessCreate, wire.KeyCreatePartitions: broker.AccessCreate, wire.KeyDeleteTopics: broker.AccessAll,
		wire.KeyDescribeConfigs: broker.AccessRead, wire.KeyAlterConfigs: broker.AccessAll, wire.KeyIncrementalAlterConfigs: broker.AccessAll,
	}
}

// about is a request about topics.
//
//nolint:ireturn // kmsg has one type per API
func about(key wire.APIKey, version int16, topics ...string) kmsg.Request {
	req := kmsg.RequestForKey(int16(key))
	req.SetVersion(version)
	for _, name := range topics {
		switch r := req.(type) {
		case *kmsg.CreateTopicsRequest:
			r.TimeoutMillis, r.ValidateOnly = 1234, true
			r.Topics = append(r.Topics, kmsg.CreateTopicsRequestTopic{Topic: name, NumPartitions: 3, ReplicationFactor: 2})
		case *kmsg.CreatePartitionsRequest:
			r.TimeoutMillis = 1234
			r.Topics = append(r.Topics, kmsg.CreatePartitionsRequestTopic{Topic: name, Count: 3})
		case *kmsg.DeleteTopicsRequest:
			r.TimeoutMillis = 1234
			r.Topics, r.TopicNames = append(r.Topics, kmsg.DeleteTopicsRequestTopic{Topic: &name}), append(r.TopicNames, name)
		case *kmsg.DescribeConfigsRequest:
			r.Resources = append(r.Resources, kmsg.DescribeConfigsRequestResource{ResourceType: 2, ResourceName: name})
		case *kmsg.AlterConfigsRequest:
			r.Resources = append(r.Resources, kmsg.AlterConfigsRequestResource{ResourceType: 2, ResourceName: name})
		case *kmsg.IncrementalAlterConfigsRequest:
			r.Resources = append(r.Resources, kmsg.IncrementalAlterConfigsRequestResource{ResourceType: 2, ResourceName: name})
		}
	}
	return req
}

// named are the topics that a request names.
func named(request kmsg.Request) (names []string) {
	switch r := request.(type) {
	case *kmsg.CreateTopicsRequest:
		for _, t := range r.Topics {
			names = append(names, t.Topic)
		}
	case *kmsg.CreatePartitionsRequest:
		for _, t := range r.Topics {
			names = append(names, t.Topic)
		}
	case *kmsg.DeleteTopicsRequest:
		for _, t := range r.Topics {
			if t.Topic == nil {
				names = append(names, fmt.Sprintf("id %x", t.TopicID[:1]))
				continue
			}
			names = append(names, *t.Topic)
		}
	case *kmsg.DescribeConfigsRequest:
		for _, e := range r.Resources {
			names = append(names, e.ResourceName)
		}
	case *kmsg.AlterConfigsRequest:
		for _, e := range r.Resources {
			names = append(names, e.ResourceName)
		}
	case *kmsg.IncrementalAlterConfigsRequest:
		for _, e := range r.Resources {
			names = append(names, e.ResourceName)
		}
	}
	return names
}

// saying is a cluster's answer to a request about topics: their codes, NONE where it has none, and silence about those with unsaid.
//
//nolint:ireturn // kmsg has one type per API
func saying(request kmsg.Request, throttle int32, codes map[string]wire.ErrorCode) kmsg.Response {
	response := request.ResponseKind()
	for _, name := range slices.Compact(named(request)) {
		code, message := int16(codes[name]), new("as told")
		if codes[name] == silence {
			continue
		}
		switch r := response.(type) {
		case *kmsg.CreateTopicsResponse:
			r.Topics = append(r.Topics, kmsg.CreateTopicsResponseTopic{Topic: name, ErrorCode: code, ErrorMessage: message, NumPartitions: 3})
		case *kmsg.CreatePartitionsResponse:
			r.Topics = append(r.Topics, kmsg.CreatePartitionsResponseTopic{Topic: name, ErrorCode: code, ErrorMessage: message})
		case *kmsg.DeleteTopicsResponse:
			r.Topics = append(r.Topics, kmsg.DeleteTopicsResponseTopic{Topic: &name, ErrorCode: code, ErrorMessage: message})
		case *kmsg.DescribeConfigsResponse:
			r.Resources = append(r.Resources, kmsg.DescribeConfigsResponseResource{
				ResourceType: 2, ResourceName: name, ErrorCode: code, ErrorMessage: message,
				Configs: []kmsg.DescribeConfigsResponseResourceConfig{{Name: "retention.ms", Value: new("1")}},
			})
		case *kmsg.AlterConfigsResponse:
			r.Resources = append(r.Resources, kmsg.AlterConfigsResponseResource{ResourceType: 2, ResourceName: name, ErrorCode: code, ErrorMessage: message})
		case *kmsg.IncrementalAlterConfigsResponse:
			r.Resources = append(r.Resources, kmsg.IncrementalAlterConfigsResponseResource{ResourceType: 2, ResourceName: name, ErrorCode: code, ErrorMessage: message})
		}
	}
	response.(kmsg.SetThrottleResponse).SetThrottle(throttle)
	return response
}

// silence is a code that stands for none at all.
const silence wire.ErrorCode = -999

// outcomes are the codes of a response, by topic, with their messages.
func outcomes(response kmsg.Response) map[string]string {
	codes := map[string]string{}
	say := func(name *string, code int16, message *string) {
		codes[*name] += wire.ErrorCode(code).String()
		if message != nil {
			codes[*name] += ": " + *message
		}
	}
	switch r := response.(type) {
	case *kmsg.CreateTopicsResponse:
		for _, t := range r.Topics {
			say(&t.Topic, t.ErrorCode, t.ErrorMessage)
		}
	case *kmsg.CreatePartitionsResponse:
		for _, t := range r.Topics {
			say(&t.Topic, t.ErrorCode, t.ErrorMessage)
		}
	case *kmsg.DeleteTopicsResponse:
		for _, t := range r.Topics {
			name := t.Topic
			if name == nil {
				name = new(fmt.Sprintf("id %x", t.TopicID[:1]))
			}
			say(name, t.ErrorCode, t.ErrorMessage)
		}
	case *kmsg.DescribeConfigsResponse:
		for _, e := range r.Resources {
			say(&e.ResourceName, e.ErrorCode, e.ErrorMessage)
		}
	case *kmsg.AlterConfigsResponse:
		for _, e := range r.Resources {
			say(&e.ResourceName, e.ErrorCode, e.ErrorMessage)
		}
	case *kmsg.IncrementalAlterConfigsResponse:
		for _, e := range r.Resources {
			say(&e.ResourceName, e.ErrorCode, e.ErrorMessage)
		}
	}
	return codes
}

// versionOf is a version of an API that administers topics.
type versionOf struct {
	name    string
	key     wire.APIKey
	version int16
}

// everyVersion is every version of every API that administers topics.
func everyVersion() (all []versionOf) {
	for key := range administered() {
		api, _ := broker.Table(broker.APIs()).Lookup(key)
		for version := api.Min; version <= api.Max; version++ {
			all = append(all, versionOf{fmt.Sprintf("%s v%d", api.Name, version), key, version})
		}
	}
	return all
}

// administer asks a facade whose clusters say so, and returns what each topic is told.
func administer(t *testing.T, b *broker.Broker, key wire.APIKey, version int16, request kmsg.Request) (map[string]string, broker.Answer) {
	t.Helper()
	a := ask(t, b, key, version, request)
	response := parse[kmsg.Response](t, key, version, a)
	return outcomes(response), a
}

// hasMessages says whether a response in a version says why.
func hasMessages(key wire.APIKey, version int16) bool {
	return key != wire.KeyDeleteTopics || version >= 5
}

// Each cluster is asked once about its topics, and says what becomes of them; those without a rule are told so.
func TestAdministrationIsSplit(t *testing.T) {
	t.Parallel()
	for _, v := range everyVersion() {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			key, version := v.key, v.version
			b, c1, c2 := facade()
			b.Let(broker.AccessAll)
			c1.respond = func(_ target.Broker, r kmsg.Request) (kmsg.Response, error) {
				return saying(r, 20, map[string]wire.ErrorCode{"apples-old": wire.PolicyViolation}), nil
			}
			c2.respond = func(_ target.Broker, r kmsg.Request) (kmsg.Response, error) {
				return saying(r, 10, map[string]wire.ErrorCode{"bananas": wire.NotController, "bananas-2": silence}), nil
			}
			got, a := administer(t, b, key, version, about(key, version, "apples", "zebras", "bananas", "apples-old", "bananas-2", "a/b"))
			want := map[string]string{
				"apples": "NONE: as told", "apples-old": "POLICY_VIOLATION: as told", "bananas": "NOT_CONTROLLER: as told",
				"bananas-2": "UNKNOWN_SERVER_ERROR: the topic's cluster has not said what became of it",
				"zebras":    `TOPIC_AUTHORIZATION_FAILED: no forwarding rule of this proxy matches topic "zebras"`,
				"a/b":       `INVALID_TOPIC_EXCEPTION: no topic can have the name "a/b"`,
			}
			if !hasMessages(key, version) {
				for name, line := range want {
					want[name], _, _ = strings.Cut(line, ":")
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("told (-want +got):\n%s", diff)
			}
			if s := a.Summary; s.Topics != 6 || s.Failed != 5 || s.Code != wire.PolicyViolation && s.Code != wire.NotController {
				t.Errorf("summary %+v, want 6 topics, 5 failed, and the first that a cluster said", s)
			}
			if r := a.Refusal; r.Code != wire.TopicAuthorizationFailed || len(r.Topics) != 2 || r.Kind != wire.Producers {
				t.Errorf("refusal %+v, want of zebras and a/b", r)
			}
			if r, _ := parse[kmsg.Response](t, key, version, a).(kmsg.ThrottleResponse).Throttle(); r != 20 {
				t.Errorf("throttled for %d ms, want the longest, 20", r)
			}
			if want := []string{"apples", "apples-old"}; len(c1.asked) != 1 || !slices.Equal(named(c1.asked[0].request), want) {
				t.Errorf("c1 was asked %+v, want once about %q", c1.asked, want)
			}
			if !slices.Contains(c2.doubted, target.Controller()) {
				t.Errorf("c2 said that its controller is none, and %v were doubted", c2.doubted)
			}
			read := key == wire.KeyDescribeConfigs
			if to := c1.asked[0].to; c1.asked[0].own == read || to != map[bool]target.Broker{true: target.Any(), false: target.Controller()}[read] {
				t.Errorf("asked %s, on a connection of the client's own: %t", to, c1.asked[0].own)
			}
		})
	}
}

// What a client may do is configured.
func TestAccess(t *testing.T) {
	t.Parallel()
	for _, v := range everyVersion() {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			key, version := v.key, v.version
			for _, access := range []broker.Access{broker.AccessNone, broker.AccessRead, broker.AccessCreate, broker.AccessAll} {
				b, c1, _ := facade()
				b.Let(access)
				c1.respond = func(_ target.Broker, r kmsg.Request) (kmsg.Response, error) { return saying(r, 0, nil), nil }
				got, a := administer(t, b, key, version, about(key, version, "apples"))
				allowed := access != broker.AccessNone && access >= administered()[key]
				if allowed != (len(c1.asked) == 1) || allowed != strings.HasPrefix(got["apples"], "NONE") {
					t.Errorf("access %d: told %q, and c1 was asked %d times", access, got, len(c1.asked))
				}
				if want := "see administration.topics"; !allowed && (a.Refusal.Kind != wire.Administrators || !strings.Contains(a.Refusal.Why(), want) ||
					hasMessages(key, version) && !strings.Contains(got["apples"], want)) {
					t.Errorf("access %d: told %q, refusal %+v; want words", access, got, a.Refusal)
				}
			}
		})
	}
}

// A cluster that does not answer costs its topics an error; others are told what their clusters say.
func TestAdministrationOfAClusterThatIsDown(t *testing.T) {
	t.Parallel()
	for _, v := range everyVersion() {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			key, version := v.key, v.version
			for err, want := range map[error]string{
				errors.New("dial 10.0.0.1: refused"):     "REQUEST_TIMED_OUT: the topic's cluster has not answered; what it has done is not known",
				fmt.Errorf("to c1: %w", wire.ErrVersion): "UNSUPPORTED_VERSION: the topic's cluster is too old to be asked for this",
			} {
				b, c1, c2 := facade()
				b.Let(broker.AccessAll)
				c1.respond = func(target.Broker, kmsg.Request) (kmsg.Response, error) { return nil, err }
				c2.respond = func(_ target.Broker, r kmsg.Request) (kmsg.Response, error) { return saying(r, 0, nil), nil }
				got, a := administer(t, b, key, version, about(key, version, "apples", "bananas"))
				if !hasMessages(key, version) {
					want, _, _ = strings.Cut(want, ":")
				}
				if got["apples"] != want || !strings.HasPrefix(got["bananas"], "NONE") || a.Summary.Failed != 1 {
					t.Errorf("told %q, want %q for apples alone", got, want)
				}
			}
		})
	}
}

// The request goes on as the client made it.
func TestWhatIsPassedOn(t *testing.T) {
	t.Parallel()
	for _, v := range everyVersion() {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			key, version := v.key, v.version
			b, c1, _ := facade()
			b.Let(broker.AccessAll)
			c1.respond = func(_ target.Broker, r kmsg.Request) (kmsg.Response, error) { return saying(r, 0, nil), nil }
			want := about(key, version, "apples", "apples")
			ask(t, b, key, version, about(key, version, "apples", "apples"))
			got := c1.asked[0].request
			if _, ok := got.(*kmsg.DescribeConfigsRequest); ok {
				want = about(key, version, "apples")
			}
			if r, ok := want.(*kmsg.DeleteTopicsRequest); ok && version < 6 {
				r.SetVersion(version)
			}
			if got.GetVersion() != version || string(got.AppendTo(nil)) != string(want.AppendTo(nil)) {
				t.Errorf("passed on as %+v in version %d, want %+v", got, got.GetVersion(), want)
			}
		})
	}
}

// Clients know none of a cluster's brokers, and can place no replicas on them.
func TestAssignmentsAreRefused(t *testing.T) {
	t.Parallel()
	b, c1, _ := facade()
	b.Let(broker.AccessAll)
	c1.respond = func(_ target.Broker, r kmsg.Request) (kmsg.Response, error) { return saying(r, 0, nil), nil }
	create := about(wire.KeyCreateTopics, 7, "apples", "apples-2").(*kmsg.CreateTopicsRequest)
	create.Topics[1].ReplicaAssignment = []kmsg.CreateTopicsRequestTopicReplicaAssignment{{Replicas: []int32{0}}}
	grow := about(wire.KeyCreatePartitions, 3, "apples", "apples-2").(*kmsg.CreatePartitionsRequest)
	grow.Topics[1].Assignment = []kmsg.CreatePartitionsRequestTopicAssignment{{Replicas: []int32{0}}}
	for key, request := range map[wire.APIKey]kmsg.Request{wire.KeyCreateTopics: create, wire.KeyCreatePartitions: grow} {
		c1.asked = nil
		got, a := administer(t, b, key, request.GetVersion(), request)
		if got["apples"] != "NONE: as told" || !strings.HasPrefix(got["apples-2"], "INVALID_REPLICA_ASSIGNMENT: replicas cannot be assigned") ||
			len(named(c1.asked[0].request)) != 1 || a.Refusal.Code != wire.InvalidReplicaAssignment {
			t.Errorf("%s: told %q, asked %q, refusal %+v", key, got, named(c1.asked[0].request), a.Refusal)
		}
	}
}

// What is no topic has no configuration here, and the facade's own is empty.
func TestOtherResources(t *testing.T) {
	t.Parallel()
	kinds := map[string]kmsg.ConfigResourceType{"0": 4, "": 4, "7": 4, "00": 8, "g": 32, "m": 16, "u": 77, "apples": 2}
	for key := range administered() {
		b, c1, _ := facade()
		b.Let(broker.AccessAll)
		c1.respond = func(_ target.Broker, r kmsg.Request) (kmsg.Response, error) { return saying(r, 0, nil), nil }
		request := about(key, 1, slices.Sorted(maps.Keys(kinds))...)
		switch r := request.(type) {
		case *kmsg.DescribeConfigsRequest:
			for i := range r.Resources {
				r.Resources[i].ResourceType = kinds[r.Resources[i].ResourceName]
			}
		case *kmsg.AlterConfigsRequest:
			for i := range r.Resources {
				r.Resources[i].ResourceType = kinds[r.Resources[i].ResourceName]
			}
		case *kmsg.IncrementalAlterConfigsRequest:
			for i := range r.Resources {
				r.Resources[i].ResourceType = kinds[r.Resources[i].ResourceName]
			}
		default:
			continue
		}
		got, _ := administer(t, b, key, 1, request)
		for name, line := range got {
			code, why, _ := strings.Cut(line, ": ")
			got[name] = code
			if code != "NONE" && why == "" {
				t.Errorf("%s of %q: %s without words", key, name, code)
			}
		}
		const refused = "CLUSTER_AUTHORIZATION_FAILED"
		want := map[string]string{
			"0": refused, "": refused, "7": refused, "00": refused, "m": refused, "g": "GROUP_AUTHORIZATION_FAILED", "u": "INVALID_REQUEST", "apples": "NONE",
		}
		if key == wire.KeyDescribeConfigs {
			want["0"], want[""] = "NONE", "NONE"
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s told (-want +got):\n%s", key, diff)
		}
	}
}
