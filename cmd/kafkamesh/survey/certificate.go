package survey

import (
	"crypto/tls"
	"crypto/x509"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/dial"
)

// soon is how long before the end of a certificate's time it is a finding.
const soon = 30 * 24 * time.Hour

// TLS is how a connection was encrypted.
type TLS struct {
	Version     string      // 1.3
	Certificate Certificate // of the broker's and its signers', the one that expires first
}

// Certificate is the broker's, or our own.
type Certificate struct {
	Name    string // its common name, or one that it is for
	Expires time.Time
}

// Days is how many whole days it is valid for; negative: it has expired.
func (c Certificate) Days() int {
	const day = 24 * time.Hour
	return int(time.Until(c.Expires) / day)
}

// findings warn of the end of its time. whose begins the sentence.
func (c Certificate) findings(whose string) []Finding {
	if time.Until(c.Expires) > soon {
		return nil
	}
	return []Finding{{
		What: whose + " certificate, " + c.Name + ", expires on " + c.Expires.UTC().Format(time.DateOnly), Do: "renew it", Warning: true,
	}}
}

func certificate(c *x509.Certificate) Certificate {
	name := c.Subject.CommonName
	if name == "" && len(c.DNSNames) > 0 {
		name = c.DNSNames[0]
	}
	if name == "" && len(c.URIs) > 0 { // a workload's of a mesh
		name = c.URIs[0].String()
	}
	return Certificate{Name: name, Expires: c.NotAfter}
}

// encryption is what is to be known of a connection; nil: it is not encrypted.
func encryption(s *tls.ConnectionState) *TLS {
	if s == nil || len(s.PeerCertificates) == 0 {
		return nil
	}
	first := s.PeerCertificates[0]
	if len(s.VerifiedChains) > 0 {
		for _, signer := range s.VerifiedChains[0] {
			if signer.NotAfter.Before(first.NotAfter) {
				first = signer
			}
		}
	}
	const prefix = len("TLS ")
	return &TLS{Version: tls.VersionName(s.Version)[prefix:], Certificate: certificate(first)}
}

// own is the certificate that we show brokers; nil: none, or it cannot be read, of which dialling says more.
func own(t *dial.TLS) *Certificate {
	if t == nil {
		return nil
	}
	config, _ := t.Load("", time.Now())
	if len(config.Certificates) == 0 || config.Certificates[0].Leaf == nil {
		return nil
	}
	c := certificate(config.Certificates[0].Leaf)
	return &c
}
