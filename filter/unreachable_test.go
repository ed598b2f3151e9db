package filter_test

import (
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/config"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/session"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/upstreamtest"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire/wiretest"
)

// The topics of a cluster whose client cannot be made get errors. They never go where the next rule would send them.
func TestNoClientFailsClosed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, err := config.Parse([]byte(`
upstream_clusters:
- {cluster_name: c1, bootstrap_servers: "broker:9092"}
- {cluster_name: all, bootstrap_servers: "broker:9092"}
forwarding_rules:
- {target_cluster: c1, topic_prefix: apples}
- {target_cluster: all, topic_prefix: ""}
`))
		if err != nil {
			t.Fatal(err)
		}
		all := upstreamtest.New(1)
		all.CreateTopic("apples", 1)
		all.CreateTopic("pears", 1)
		made := map[string]int{}
		f, err := filter.New(c, filter.Options{
			NewClient: func(s upstream.Settings) (upstream.Client, error) {
				if made[s.Name]++; s.Name == "c1" && made[s.Name] > 1 { // the first is New's
					return nil, errors.New("no more")
				}
				return all, nil
			},
			Stats: stats.New(filter.Metrics(c)),
			Log:   slog.New(slog.DiscardHandler),
		})
		if err != nil {
			t.Fatal(err)
		}
		cl := &client{t: t}
		cl.session = f.NewSession(0, session.Peer{LocalHost: "mesh", LocalPort: 1}, cl)
		cl.session.Data(produce(1, "apples"))
		cl.session.Data(produce(2, "pears"))
		ask := kmsg.NewPtrMetadataRequest()
		ask.Topics = []kmsg.MetadataRequestTopic{{Topic: new("apples")}, {Topic: new("pears")}}
		cl.session.Data(wiretest.Frame(wire.KeyMetadata, 9, 3, "test", ask))
		frames := cl.wantAnswers(1, 2, 3)
		for i, want := range []wire.ErrorCode{wire.NotLeaderOrFollower, wire.None} {
			_, r, err := wiretest.ParseResponse(wire.KeyProduce, 9, frames[i])
			if err != nil {
				t.Fatal(err)
			}
			if got := wire.ErrorCode(r.(*kmsg.ProduceResponse).Topics[0].Partitions[0].ErrorCode); got != want {
				t.Errorf("produce %d: %s, want %s", i+1, got, want)
			}
		}
		_, r, err := wiretest.ParseResponse(wire.KeyMetadata, 9, frames[2])
		if err != nil {
			t.Fatal(err)
		}
		for _, topic := range r.(*kmsg.MetadataResponse).Topics {
			want := map[string]wire.ErrorCode{"apples": wire.LeaderNotAvailable, "pears": wire.None}[*topic.Topic]
			if got := wire.ErrorCode(topic.ErrorCode); got != want {
				t.Errorf("metadata of %s: %s, want %s", *topic.Topic, got, want)
			}
		}
		cl.session.Closed()
		f.Close()
		all.Cut(1)
	})
}
