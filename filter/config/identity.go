package config

import (
	"strings"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/credential"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/dial"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/follower"
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
	// MappedIdentity is a user of the cluster for each principal, as Cluster.CredentialsFile says.
	MappedIdentity
)

// String is the identity's name in the configuration.
func (i Identity) String() string { return [...]string{"mesh", "client_id", "mapped"}[i] }

// identities checks the identity of each cluster, once it is known how clients prove who they are.
func (c *Config) identities(bad *mistakes, list []*kafkameshv1.KafkaClusterDefinition) {
	for i, d := range list {
		m := d.GetIdentity()
		if m == nil {
			continue
		}
		at := join(index("upstream_clusters", i), "identity")
		switch {
		case m.GetClientId() == nil && m.GetMapped() == nil:
			bad.add(at, "says nothing; write client_id: {}, or mapped: {credentials_file: PATH}, or remove it: then all clients are the mesh's own user")
		case m.GetClientId() != nil && m.GetMapped() != nil:
			bad.add(at, "has client_id and mapped; keep one")
		case c.Logins == nil && c.NamedBy == NamedByNothing:
			bad.add(at, "needs authentication, which is not given: all clients would be ANONYMOUS; write authentication, or remove it")
		case m.GetClientId() != nil:
			c.Clusters[i].Identity = ClientIDIdentity
		default:
			c.mapped(bad, join(at, "mapped"), &c.Clusters[i], m.GetMapped())
		}
	}
}

// mapped checks how principals are mapped to users of a cluster.
func (c *Config) mapped(bad *mistakes, at string, cl *Cluster, m *kafkameshv1.Identity_Mapped) {
	cl.Identity, cl.CredentialsFile = MappedIdentity, m.GetCredentialsFile()
	path := join(at, "credentials_file")
	for _, login := range []string{"tls", "sasl", "producer_config"} {
		if bad.within(join(parent(parent(at)), login)) { // what lines are depends on it
			return
		}
	}
	if why := unmappable(&cl.Dial); why != "" {
		bad.add(at, "%s", why)
		return
	}
	if cl.CredentialsFile == "" {
		bad.add(path, "missing; write the file that says which principal is which user of the cluster")
		return
	}
	var warning string
	_, err := credential.Open(cl.CredentialsFile, cl.Dial, nil, func(r follower.Report) { warning = r.Warning }, nil)
	switch {
	case err != nil:
		bad.add(path, "%s", strings.ReplaceAll(err.Error(), "\n", "; "))
	case warning != "":
		c.warn(path, "%s", warning)
	}
}

// unmappable is why clients cannot be users of a cluster that is reached so; empty: they can.
func unmappable(d *dial.Settings) string {
	switch t := d.TLS; {
	case d.SASL != nil:
		return ""
	case t == nil:
		return "needs the cluster's sasl, or tls for certificates, and neither is given; write how the mesh itself logs in"
	case !t.Keystore.IsZero() && t.CA.IsZero():
		return "needs tls.ca: the authorities in the mesh's keystore are not for other certificates"
	default:
		return ""
	}
}
