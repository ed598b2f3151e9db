package config

import (
	"errors"
	"regexp"
	"strings"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/dial"
	kafkameshv1 "github.com/kafkamesh/envoy-kafka-mesh/proto/kafkamesh/v1"
)

func (s *security) readTLS(on bool) {
	s.misplaced(isTLS, on, "tls", "ssl or sasl_ssl", s.tls != nil)
	if !on {
		return
	}
	if s.tls != nil {
		s.typedTLS()
		return
	}
	t := &dial.TLS{
		CA:               s.fileOrText(dial.PartCA, "ssl.ca.location", "ssl.ca.pem"),
		Certificate:      s.fileOrText(dial.PartCertificate, "ssl.certificate.location", "ssl.certificate.pem"),
		Key:              s.fileOrText(dial.PartKey, "ssl.key.location", "ssl.key.pem"),
		KeyPassword:      s.text(dial.PartKeyPassword, "ssl.key.password"),
		Keystore:         s.file(dial.PartKeystore, "ssl.keystore.location"),
		KeystorePassword: s.text(dial.PartKeystorePassword, "ssl.keystore.password"),
		CRL:              s.file(dial.PartCRL, "ssl.crl.location"),
		SkipVerify:       s.given.values["enable.ssl.certificate.verification"] == "false",
		SkipName:         s.given.values["ssl.endpoint.identification.algorithm"] == "none",
	}
	s.cluster.Dial.TLS = t
	var err error
	if t.CipherSuites, err = dial.CipherSuites(s.given.values["ssl.cipher.suites"]); err != nil {
		s.bad.add(s.given.at("ssl.cipher.suites"), "%v", err)
	}
	if t.Curves, err = dial.Curves(s.given.values["ssl.curves.list"]); err != nil {
		s.bad.add(s.given.at("ssl.curves.list"), "%v", err)
	}
	s.checkTLS(t, s.given.at("enable.ssl.certificate.verification"))
}

func (s *security) typedTLS() {
	at := join(s.at, "tls")
	t := &dial.TLS{
		CA:               s.source(dial.PartCA, at, "ca", s.tls.GetCa()),
		Certificate:      s.source(dial.PartCertificate, at, "certificate", s.tls.GetCertificate()),
		Key:              s.source(dial.PartKey, at, "key", s.tls.GetKey()),
		KeyPassword:      s.source(dial.PartKeyPassword, at, "key_password", s.tls.GetKeyPassword()),
		Keystore:         s.source(dial.PartKeystore, at, "keystore", s.tls.GetKeystore()),
		KeystorePassword: s.source(dial.PartKeystorePassword, at, "keystore_password", s.tls.GetKeystorePassword()),
		CRL:              s.source(dial.PartCRL, at, "crl", s.tls.GetCrl()),
		ServerName:       s.tls.GetServerName(),
		SkipVerify:       s.tls.GetVerification() == kafkameshv1.Tls_VERIFICATION_NONE,
		SkipName:         s.tls.GetVerification() == kafkameshv1.Tls_VERIFICATION_CHAIN,
		SPIFFEIDs:        s.tls.GetSpiffeIds(),
		ALPN:             s.tls.GetAlpn(),
	}
	s.cluster.Dial.TLS = t
	if kafkameshv1.Tls_Verification_name[int32(s.tls.GetVerification())] == "" {
		s.bad.add(join(at, "verification"), "%d is not known; remove it", s.tls.GetVerification())
	}
	s.checkTLS(t, join(at, "verification"))
	s.checkALPN(at, t)
	s.checkSPIFFE(at, t)
}

func (s *security) checkTLS(t *dial.TLS, verification string) {
	if !t.Keystore.IsZero() && (!t.Certificate.IsZero() || !t.Key.IsZero()) {
		s.bad.add(s.paths[dial.PartKeystore], "is given, and a certificate or key too; keep one")
	}
	if t.SkipVerify {
		s.config.warn(verification, "whoever answers is believed to be the broker, and is sent all records and passwords")
	}
}

const (
	// maxALPN is the most protocols that are offered, and maxALPNName the longest name that one has (RFC 7301).
	maxALPN, maxALPNName = 16, 255
	// maxSPIFFEIDs is the most identities that brokers of a cluster may have, and maxSPIFFEID the longest of one (the SPIFFE-ID standard).
	maxSPIFFEIDs, maxSPIFFEID = 1000, 2048
)

// meshProtocol is what Istio's sidecars know each other by.
const meshProtocol = "istio"

// checkALPN checks the protocols that are offered.
func (s *security) checkALPN(at string, t *dial.TLS) {
	path := join(at, "alpn")
	if n := len(t.ALPN); n > maxALPN {
		s.bad.add(path, "%d are too many; write at most %d", n, maxALPN)
		return
	}
	seen := map[string]bool{}
	for i, protocol := range t.ALPN {
		where := index(path, i)
		switch {
		case protocol == "":
			s.bad.add(where, "is empty; write the protocol's name, or remove it")
		case len(protocol) > maxALPNName:
			s.bad.add(where, "has %d bytes; a protocol's name has at most %d", len(protocol), maxALPNName)
		case protocol == "istio-peer-exchange":
			s.bad.add(where, "has Istio's proxies write bytes of their own into the connection, which Kafka's brokers and clients do not; write istio alone")
		case strings.EqualFold(protocol, meshProtocol) && protocol != meshProtocol:
			s.bad.add(where, "is written otherwise; write istio")
		case seen[protocol]:
			s.bad.add(where, "is there already; remove it")
		}
		seen[protocol] = true
	}
	switch {
	case !seen[meshProtocol] || len(t.SPIFFEIDs) > 0:
	case t.SkipName:
		s.config.warn(path, "istio is for brokers of a mesh, all of whose workloads are believed to be brokers; write spiffe_ids")
	case !t.SkipVerify:
		s.bad.add(join(at, "spiffe_ids"), "missing; istio in alpn is for brokers of a mesh, whose certificates have SPIFFE ids and no host's name; "+
			"write those that brokers may have, spiffe://cluster.local/ns/NAMESPACE/sa/SERVICEACCOUNT")
	}
}

// checkSPIFFE checks who brokers may be.
func (s *security) checkSPIFFE(at string, t *dial.TLS) {
	path := join(at, "spiffe_ids")
	if n := len(t.SPIFFEIDs); n > maxSPIFFEIDs {
		s.bad.add(path, "%d are too many; write at most %d", n, maxSPIFFEIDs)
		return
	}
	seen := map[string]bool{}
	for i, id := range t.SPIFFEIDs {
		where := index(path, i)
		if err := spiffeID(id); err != nil {
			s.bad.add(where, "%v", err)
		} else if seen[id] {
			s.bad.add(where, "is there already; remove it")
		}
		seen[id] = true
	}
	if len(t.SPIFFEIDs) > 0 && (t.SkipVerify || t.SkipName) {
		s.bad.add(join(at, "verification"), "is given, and spiffe_ids too, which say what is looked at; remove it")
	}
}

var (
	// aTrustDomain and aWorkload are the parts of a SPIFFE id.
	aTrustDomain = regexp.MustCompile(`^[a-z0-9._-]+$`)
	aWorkload    = regexp.MustCompile(`^(/[A-Za-z0-9._-]+)+$`)
)

// spiffeID says what is wrong with what should be the SPIFFE id of a workload, or nothing.
func spiffeID(id string) error {
	const such = "; write one such as spiffe://cluster.local/ns/kafka/sa/kafka"
	rest, ok := strings.CutPrefix(id, "spiffe://")
	domain, path, _ := strings.Cut(rest, "/")
	switch path = "/" + path; {
	case !ok:
		return errors.New("is no SPIFFE id, which begins with spiffe://" + such)
	case len(id) > maxSPIFFEID:
		return errors.New("is longer than a SPIFFE id can be, which is 2048 bytes")
	case strings.ContainsAny(id, "*"):
		return errors.New("has a *, and nothing stands for several here; write each SPIFFE id")
	case path == "/":
		return errors.New("is a trust domain alone, and no broker's" + such)
	case !aTrustDomain.MatchString(domain):
		return errors.New("has something in its trust domain that cannot be there: small letters, digits, dots, dashes and underscores can" + such)
	case !aWorkload.MatchString(path), strings.Contains(path+"/", "/./"), strings.Contains(path+"/", "/../"):
		return errors.New("has something in its path that cannot be there: letters, digits, dots, dashes and underscores between single slashes can" + such)
	}
	return nil
}
