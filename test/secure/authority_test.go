package secure

import (
	"crypto/ecdsa"
	"crypto/x509"
	"path/filepath"
	"slices"
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/test/authority"
	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// signer is an authority whose certificate is in a file.
type signer struct {
	*authority.Authority

	file string // PEM
}

// leaf is the files that hold a certificate and its key.
type leaf struct {
	*authority.Leaf

	certificate, key, both string
}

func newSigner(tb testing.TB, dir, name string) *signer {
	tb.Helper()
	a, err := authority.New(name)
	check(tb, err)
	s := &signer{a, filepath.Join(dir, name+".pem")}
	write(tb, s.file, a.PEM)
	return s
}

// issue makes a certificate for host names and addresses; change may change it before it is signed.
func (s *signer) issue(tb testing.TB, dir, name string, hosts []string, change func(*x509.Certificate)) leaf {
	tb.Helper()
	issued, err := s.Issue(name, hosts, change)
	check(tb, err)
	at := filepath.Join(dir, name)
	l := leaf{issued, at + ".pem", at + "-key.pem", at + "-both.pem"}
	write(tb, l.certificate, l.Certificate)
	write(tb, l.key, l.Key)
	write(tb, l.both, slices.Concat(l.Key, l.Certificate, s.PEM))
	return l
}

// public is the public key of a certificate.
func (l leaf) public(tb testing.TB) *ecdsa.PublicKey {
	tb.Helper()
	key, err := x509.ParsePKCS8PrivateKey(l.PKCS8)
	check(tb, err)
	return &key.(*ecdsa.PrivateKey).PublicKey
}

// write moves a file into place, as whoever replaces certificates should.
func write(tb testing.TB, file string, content []byte) {
	tb.Helper()
	check(tb, stack.ReplaceFile(file, content))
}

func check(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}
