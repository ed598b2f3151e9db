package dial_test

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/dial"
	"github.com/kafkamesh/envoy-kafka-mesh/test/authority"
)

// A file of authorities that cannot be used is never taken for none: clients have to show a certificate of those that were there before, or
// nobody is served.
func TestAcceptNeverForgetsAuthorities(t *testing.T) {
	t.Parallel()
	a, err := authority.New("clients")
	check(t, err)
	dir := t.TempDir()
	put := func(name string, content []byte) string {
		file := filepath.Join(dir, name)
		check(t, os.WriteFile(file, content, 0o600))
		return file
	}
	own, err := a.Issue("mesh", nil, nil)
	check(t, err)
	settings := &dial.TLS{
		Certificate: dial.Source{File: put("cert", own.Certificate)}, Key: dial.Source{File: put("key", own.Key)}, CA: dial.Source{File: put("ca", a.PEM)},
	}
	k := dial.NewKeeper(settings)
	for _, content := range []string{"", "no certificate", string(own.Key), string(a.PEM)} {
		before := settings.Fingerprint()
		put("ca", []byte(content))
		if settings.Fingerprint() == before {
			t.Errorf("with %.20q: the fingerprint is the same", content)
		}
		config, stale, err := k.Accept(false, time.Now())
		if err != nil || (stale == nil) != (content == string(a.PEM)) {
			t.Fatalf("with %.20q: %v, stale: %v", content, err, stale)
		}
		stranger, err := authority.New("strangers")
		check(t, err)
		for name, by := range map[string]*authority.Authority{"a client": a, "a stranger": stranger} {
			leaf, err := by.Issue("client", nil, nil)
			check(t, err)
			client := clientOf(a, pairOf(t, leaf))
			if state, _ := shake(t, client, config); state.HandshakeComplete != (by == a) {
				t.Errorf("with %.20q: the handshake with %s is complete: %t", content, name, state.HandshakeComplete)
			}
		}
		if state, _ := shake(t, clientOf(a), config); state.HandshakeComplete {
			t.Errorf("with %.20q: one without a certificate is served", content)
		}
	}
	check(t, os.Remove(filepath.Join(dir, "ca")))
	if config, _, err := dial.NewKeeper(settings).Accept(false, time.Now()); err == nil {
		t.Errorf("without authorities there is %+v", config)
	}
	check(t, os.Remove(filepath.Join(dir, "key")))
	if config, _, err := dial.NewKeeper(settings).Accept(true, time.Now()); err == nil {
		t.Errorf("without a key there is %+v", config)
	}
}

// clientOf is a client that believes an authority and shows certificates.
func clientOf(a *authority.Authority, own ...tls.Certificate) *tls.Config {
	roots := x509.NewCertPool()
	roots.AddCert(a.Certificate)
	return &tls.Config{
		RootCAs: roots, InsecureSkipVerify: true, MinVersion: tls.VersionTLS12,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			if len(own) == 0 {
				return &tls.Certificate{}, nil
			}
			return &own[0], nil
		},
	}
}
