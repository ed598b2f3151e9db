package filter_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/link"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire/wiretest"
	"github.com/kafkamesh/envoy-kafka-mesh/test/bubble"
)

// deletion is a request to delete topics by name.
func deletion(id int32, topics ...string) []byte {
	request := kmsg.NewPtrDeleteTopicsRequest()
	request.TimeoutMillis = 2000
	for _, name := range topics {
		request.Topics = append(request.Topics, kmsg.DeleteTopicsRequestTopic{Topic: &name})
	}
	return wiretest.Frame(wire.KeyDeleteTopics, 6, id, "test", request)
}

// deleted are the topics of an answer, with their codes.
func deleted(t *testing.T, frame []byte) (lines []string) {
	t.Helper()
	_, response, err := wiretest.ParseResponse(wire.KeyDeleteTopics, 6, frame)
	if err != nil {
		t.Fatal(err)
	}
	for _, topic := range response.(*kmsg.DeleteTopicsResponse).Topics {
		lines = append(lines, fmt.Sprintf("%s %s", *topic.Topic, wire.ErrorCode(topic.ErrorCode)))
	}
	return lines
}

// broom deletes topics by name, as a cluster does that is older than the client, and remembers which.
type broom struct {
	mu    sync.Mutex
	swept []string
}

//nolint:ireturn // as the scripted cluster has it
func (b *broom) delete(_ int32, request kmsg.Request) kmsg.Response {
	b.mu.Lock()
	defer b.mu.Unlock()
	response := kmsg.NewPtrDeleteTopicsResponse()
	for _, name := range request.(*kmsg.DeleteTopicsRequest).TopicNames {
		b.swept = append(b.swept, name)
		response.Topics = append(response.Topics, kmsg.DeleteTopicsResponseTopic{Topic: &name})
	}
	return response
}

// Without a word of the configuration nobody deletes anything: it is refused, counted and logged as an administrator's.
func TestNobodyDeletesByDefault(t *testing.T) {
	t.Parallel()
	withMesh(t, twoClusters, func(m *mesh) {
		var b broom
		m.c1.Handle(wire.KeyDeleteTopics, link.Range{Min: 1, Max: 4}, b.delete)
		c := m.connect()
		c.session.Data(deletion(1, "apples", "zebras"))
		got := deleted(t, c.wantAnswers(1)[0])
		if diff := cmp.Diff([]string{"apples TOPIC_AUTHORIZATION_FAILED", "zebras TOPIC_AUTHORIZATION_FAILED"}, got); diff != "" || len(b.swept) > 0 {
			t.Errorf("deleted %q, answered (-want +got):\n%s", b.swept, diff)
		}
		if n := m.metric("refused.administrators"); n != 1 {
			t.Errorf("refused.administrators = %d, want 1", n)
		}
		const want = `msg="clients may not do this: let them with administration, or have the client connect to the cluster itself" ` +
			"reason=administrators api=DeleteTopics told=TOPIC_AUTHORIZATION_FAILED "
		if log := m.log(); !strings.Contains(log, want) {
			t.Errorf("the log is\n%swant\n%s", log, want)
		}
	})
}

// A cluster that does not answer has the client wait for as long as it lets it, and half a minute more. The other cluster's topics are
// deleted meanwhile, and other clients of the cluster that is slow are not held up by this one.
func TestDeletesInEachCluster(t *testing.T) {
	t.Parallel()
	withMesh(t, twoClusters+"administration: {topics: ACCESS_ALL}\n", func(m *mesh) {
		var b broom
		m.c1.Handle(wire.KeyDeleteTopics, link.Range{Min: 1, Max: 4}, b.delete)
		m.c2.Handle(wire.KeyDeleteTopics, link.Range{Min: 1, Max: 6}, func(int32, kmsg.Request) kmsg.Response {
			bubble.Advance(time.Hour)
			return nil
		})
		m.c2.Handle(wire.KeyDescribeConfigs, link.Range{Min: 1, Max: 4}, func(_ int32, request kmsg.Request) kmsg.Response {
			response := kmsg.NewPtrDescribeConfigsResponse()
			asked := request.(*kmsg.DescribeConfigsRequest).Resources[0]
			response.Resources = append(response.Resources, kmsg.DescribeConfigsResponseResource{ResourceType: asked.ResourceType, ResourceName: asked.ResourceName})
			return response
		})
		c, other := m.connect(), m.connect()
		begin := time.Now()
		c.session.Data(deletion(1, "apples", "bananas"))
		describe := kmsg.NewPtrDescribeConfigsRequest()
		describe.Resources = append(describe.Resources, kmsg.DescribeConfigsRequestResource{ResourceType: 2, ResourceName: "bananas"})
		other.session.Data(wiretest.Frame(wire.KeyDescribeConfigs, 4, 1, "test", describe))
		other.wantAnswers(1)
		if took := time.Since(begin); took > time.Second {
			t.Errorf("another client's answer took %s, want it at once", took)
		}
		if diff := cmp.Diff([]string{"apples"}, b.swept); diff != "" {
			t.Errorf("deleted (-want +got):\n%s", diff)
		}
		bubble.Advance(31 * time.Second)
		c.wantAnswers()
		bubble.Advance(2 * time.Second)
		if diff := cmp.Diff([]string{"apples NONE", "bananas REQUEST_TIMED_OUT"}, deleted(t, c.wantAnswers(1)[0])); diff != "" {
			t.Errorf("answered (-want +got):\n%s", diff)
		}
		c.session.Closed()
		other.session.Closed()
		bubble.Advance(2 * time.Hour)
	})
}
