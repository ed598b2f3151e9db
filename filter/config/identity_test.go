package config_test

import (
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/config"
)

// Who a cluster sees clients as, where it is known who they are.
func TestIdentity(t *testing.T) {
	t.Parallel()
	const authentication = "authentication: {tls: {from: FROM_URI_SAN}}\n"
	for given, want := range map[string]config.Identity{
		"": config.MeshIdentity, ", identity: {client_id: {}}": config.ClientIDIdentity,
	} {
		c, err := config.Parse([]byte(oneCluster("cluster_name: a, bootstrap_servers: a"+given) + authentication))
		if err != nil || c.Clusters[0].Identity != want || len(c.Warnings) > 0 {
			t.Errorf("%q: %v, %+v", given, err, c)
		}
	}
}
