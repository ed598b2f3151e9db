package config

import (
	"cmp"
	"errors"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/dial"
	kafkameshv1 "github.com/kafkamesh/envoy-kafka-mesh/proto/kafkamesh/v1"
)

// ListenTLS is how clients' connections to the plain binary are encrypted.
type ListenTLS struct {
	// TLS has our certificate, and as CA the authorities of the clients' certificates; none: clients are not asked for one.
	TLS dial.TLS
	// Optional lets clients do without a certificate.
	Optional bool
}

// listenTLS checks listen_tls and fills c.ListenTLS.
func (c *Config) listenTLS(bad *mistakes, m *kafkameshv1.ListenTls, a *kafkameshv1.Authentication) {
	if m == nil {
		return
	}
	const path = "listen_tls"
	paths := map[dial.Part]string{}
	source := func(part dial.Part, field string, d *kafkameshv1.DataSource) dial.Source {
		paths[part] = join(path, field)
		return dataSource(bad, paths[part], d)
	}
	l := &ListenTLS{Optional: m.GetClientCertificateOptional(), TLS: dial.TLS{
		Certificate: source(dial.PartCertificate, "certificate", m.GetCertificate()),
		Key:         source(dial.PartKey, "key", m.GetKey()),
		KeyPassword: source(dial.PartKeyPassword, "key_password", m.GetKeyPassword()),
		CA:          source(dial.PartCA, "client_ca", m.GetClientCa()),
		CRL:         source(dial.PartCRL, "client_crl", m.GetClientCrl()),
	}}
	c.ListenTLS = l
	if l.TLS.Certificate.IsZero() && l.TLS.Key.IsZero() {
		bad.add(join(path, "certificate"), "missing; write {filename: PATH}, and the same for key")
		return
	}
	if l.TLS.CA.IsZero() {
		for field, given := range map[string]bool{
			"client_crl": m.GetClientCrl() != nil, "client_certificate_optional": l.Optional,
		} {
			if given {
				bad.add(join(path, field), "has no effect without client_ca; write that, or remove this")
			}
		}
		if a.GetTls() != nil {
			bad.add(join(path, "client_ca"), "missing; without it no client shows a certificate, and authentication.tls calls nobody by it")
		}
	}
	for _, p := range (&dial.Settings{TLS: &l.TLS}).Check(time.Now()) {
		switch at := cmp.Or(paths[p.Part], path); {
		case p.Warning:
			c.warn(at, "%s", p.Message)
		case !bad.has(at):
			bad.add(at, "%s", p.Message)
		}
	}
}

// ForEnvoy says what of the configuration Envoy must not take, because it would not do what is written there.
func (c *Config) ForEnvoy() error {
	if c.ListenTLS != nil {
		return errors.Join(&Remark{
			Path: "listen_tls", Text: "is for kafkamesh serve; in Envoy give the filter chain a transport_socket, and remove this",
		})
	}
	return nil
}
