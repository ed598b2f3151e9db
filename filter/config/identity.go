package config

import (
	kafkameshv1 "github.com/kafkamesh/envoy-kafka-mesh/proto/kafkamesh/v1"
)

// Identity is who a cluster sees clients as.
type Identity uint8

// The identities.
const (
	// MeshIdentity is the mesh's own, for all of them.
	MeshIdentity Identity = iota
	// ClientIDIdentity is the mesh's user, with a client id that begins with the client's principal.
	ClientIDIdentity
)

// String is the identity's name in the configuration.
func (i Identity) String() string {
	if i == ClientIDIdentity {
		return "client_id"
	}
	return "mesh"
}

// identities checks the identity of each cluster, once it is known how clients prove who they are.
func (c *Config) identities(bad *mistakes, list []*kafkameshv1.KafkaClusterDefinition) {
	for i, d := range list {
		m := d.GetIdentity()
		if m == nil {
			continue
		}
		at := join(index("upstream_clusters", i), "identity")
		switch {
		case m.GetClientId() == nil:
			bad.add(at, "says nothing; write client_id: {}, or remove it: then all clients are the mesh's own user")
		case c.Logins == nil && c.NamedBy == NamedByNothing:
			bad.add(at, "needs authentication, which is not given: all clients would be ANONYMOUS; write authentication, or remove it")
		default:
			c.Clusters[i].Identity = ClientIDIdentity
		}
	}
}
