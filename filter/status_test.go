package filter_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/status"
	"github.com/kafkamesh/envoy-kafka-mesh/test/bubble"
)

// TestStatus looks at a mesh before, during and after it is used.
func TestStatus(t *testing.T) {
	t.Parallel()
	withMesh(t, twoClusters, func(m *mesh) {
		began := time.Now()
		m.c1.CreateTopic("apples.red", 1, 1, -1)
		times := cmpopts.IgnoreFields(status.Cluster{}, "Since", "MetadataAt")
		want := status.Mesh{
			Advertised: "mesh.example:9092", Since: began, Readiness: status.ReadinessAll,
			Clusters: []status.Cluster{
				{Name: "c1", BootstrapServers: []string{"broker:9092"}, Security: "PLAINTEXT", State: status.Unknown},
				{Name: "c2", BootstrapServers: []string{"broker:9092"}, Security: "PLAINTEXT", State: status.Unknown},
			},
			Rules: []status.Rule{
				{Prefix: "apples", Cluster: "c1", Operations: status.ReadsAndWrites}, {Prefix: "bananas", Cluster: "c2", Operations: status.ReadsAndWrites},
			},
			GroupHome: "c1",
		}
		if diff := cmp.Diff(want, m.filter.Status()); diff != "" {
			t.Errorf("before it is used (-want +got):\n%s", diff)
		}
		m.filter.Monitor()
		for worker := range 2 {
			m.connectTo(worker).session.Data(produce(1, "apples"))
			m.connectTo(worker).session.Data(produce(1, "apples.red"))
		}
		synctest.Wait()
		bubble.Advance(time.Second)
		got := m.filter.Status()
		if c := got.Clusters[0]; c.MetadataAt.IsZero() || c.Since.IsZero() {
			t.Errorf("metadata of %s, state since %s, want both", c.MetadataAt, c.Since)
		}
		broker := status.Broker{Node: 1, Address: got.Clusters[0].Brokers[0].Address, Link: status.Connected, Leads: 4, Connections: 2}
		want.Clusters[0] = status.Cluster{
			Name: "c1", BootstrapServers: []string{"broker:9092"}, Security: "PLAINTEXT", State: status.Reachable,
			Brokers: []status.Broker{broker}, Topics: 2, Partitions: 5, Leaderless: 1,
		}
		if diff := cmp.Diff(want.Clusters[0], got.Clusters[0], times); diff != "" {
			t.Errorf("while it is used (-want +got):\n%s", diff)
		}
		if s := got.Clusters[1].State; s != status.Reachable {
			t.Errorf("the other cluster is %s, want that it was tried", s)
		}
		m.filter.Drain()
		if !m.filter.Status().Draining {
			t.Error("it does not drain")
		}
	})
}
