package topology_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/topology"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/upstreamtest"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// A cluster that is a mesh may be the very listener, from which nothing ever comes. The log says so, once a minute.
func TestWarnsOfMesh(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, id string
		want     int
	}{{"a mesh", wire.MeshClusterID, 2}, {"a cluster", "MkU3OEVBNTcwNTJENDM2Qk", 0}, {"no name", "", 0}} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				b := &bench{t: t, cluster: upstreamtest.New(1)}
				b.cluster.SetID(tt.id)
				b.cluster.CreateTopic("a", 1)
				b.m = topology.New(b.settings(), b.cluster, slog.New(slog.NewTextHandler(&log, nil)))
				b.m.Start(b)
				for range 3 { // at 0, 40 and 80 seconds
					b.topics("missing")
					advance(40 * time.Second)
				}
				b.m.Close()
				b.cluster.Cut(1)
				advance(time.Minute)
				if got := strings.Count(log.String(), "is a Kafka mesh itself"); got != tt.want {
					t.Errorf("%d warnings, want %d:\n%s", got, tt.want, &log)
				}
			})
		})
	}
}
