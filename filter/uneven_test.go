package filter_test

import (
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire/wiretest"
)

const apartRules = `forwarding_rules:
- {target_cluster: c2, topic_prefix: apples, operations: [OPERATION_READ]}
- {target_cluster: c1, topic_prefix: apples}
- {target_cluster: c2, topic_prefix: bananas}
`

// A topic that is read on one cluster is written on the other, and the log says once that their partitions do not fit.
func TestApart(t *testing.T) {
	t.Parallel()
	clusters, _, _ := strings.Cut(twoClusters, "forwarding_rules:")
	withMesh(t, clusters+apartRules, func(m *mesh) {
		m.c2.CreateTopic("apples", 1, 1, 1)
		request := kmsg.NewPtrMetadataRequest()
		request.Topics = append(request.Topics, kmsg.MetadataRequestTopic{Topic: new("apples")})
		for worker := range 2 {
			c := m.connectTo(worker)
			c.session.Data(wiretest.Frame(wire.KeyMetadata, 9, 1, "test", request))
			_, response, err := wiretest.ParseResponse(wire.KeyMetadata, 9, c.wantAnswers(1)[0])
			if err != nil {
				t.Fatal(err)
			}
			if n := len(response.(*kmsg.MetadataResponse).Topics[0].Partitions); n != 3 {
				t.Errorf("%d partitions are told of, want those of the cluster that is read", n)
			}
			c.session.Data(produceApples(2, 1, 0, batch()))
			c.wantAnswers(1, 2)
		}
		if n := m.metric("cluster.c1.batches"); n != 2 || m.metric("rule.apples*.batches") != n {
			t.Errorf("%d batches for the cluster that is written, want 2", n)
		}
		const want = `msg="a topic has fewer partitions where it is written than where it is read; what producers send to the others is refused: add partitions" ` +
			"topic=apples written_on=c1 written_partitions=2 read_on=c2 read_partitions=3\n"
		if log := m.log(); strings.Count(log, want) != 1 || strings.Count(log, "partitions where") != 1 {
			t.Errorf("the log is\n%swant once\n%s", log, want)
		}
	})
}
