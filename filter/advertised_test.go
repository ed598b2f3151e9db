package filter_test

import (
	"errors"
	"log/slog"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/config"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/session"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire/wiretest"
)

func TestAdvertisedAddress(t *testing.T) {
	t.Parallel()
	const own = "upstream_clusters: [{cluster_name: c1, bootstrap_servers: \"broker:9092\"}]\n" +
		"forwarding_rules: [{target_cluster: c1, topic_prefix: \"\"}]\n"
	for _, tt := range []struct {
		name, config, sni, local, want string
	}{
		{"configured", "advertised_host: mesh.example\nadvertised_port: 7000\n" + own, "sni.example", "10.0.0.2", "mesh.example:7000"},
		{"server name", own, "sni.example", "10.0.0.2", "sni.example:19092"},
		{"server name that a mesh made up", own, "outbound_.9092_._.mesh.orders.svc.cluster.local", "10.0.0.2", "10.0.0.2:19092"},
		{"local address", own, "", "10.0.0.2", "10.0.0.2:19092"},
		{"local address, IPv6", own, "", "fd00::2", "[fd00::2]:19092"},
		{"local address, IPv4 to a listener of both kinds", own, "", "::ffff:10.0.0.2", "10.0.0.2:19092"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			withMesh(t, tt.config, func(m *mesh) {
				c := &client{t: m.t}
				c.session = m.filter.NewSession(0, session.Peer{LocalHost: tt.local, LocalPort: 19092, ServerName: tt.sni}, c)
				c.session.Data(wiretest.Frame(wire.KeyMetadata, 9, 1, "test", kmsg.NewPtrMetadataRequest()))
				_, answer, err := wiretest.ParseResponse(wire.KeyMetadata, 9, c.wantAnswers(1)[0])
				if err != nil {
					t.Fatal(err)
				}
				b := answer.(*kmsg.MetadataResponse).Brokers[0]
				if got := address(b); got != tt.want {
					t.Errorf("told %s, want %s", got, tt.want)
				}
			})
		})
	}
}

// A client that cannot be made is a mistake found when the filter is made.
func TestNewFindsClientMistakes(t *testing.T) {
	t.Parallel()
	c, err := config.Parse([]byte(twoClusters))
	if err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	_, err = filter.New(c, filter.Options{
		NewClient: func(upstream.Settings) (upstream.Client, error) { return nil, broken },
		Stats:     &stats.Set{},
		Log:       slog.New(slog.DiscardHandler),
	})
	if !errors.Is(err, broken) {
		t.Errorf("New = %v, want %v", err, broken)
	}
}
