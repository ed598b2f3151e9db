package secure

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// authority signs certificates.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	file        string // its certificate, PEM
}

// leaf is a certificate and its key, and the files that hold them.
type leaf struct {
	certificate, key, both string
	key8                   []byte
}

func newAuthority(tb testing.TB, dir, name string) *authority {
	tb.Helper()
	key := newKey(tb)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage:  x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * 365 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	check(tb, err)
	certificate, err := x509.ParseCertificate(der)
	check(tb, err)
	a := &authority{certificate: certificate, key: key, file: filepath.Join(dir, name+".pem")}
	write(tb, a.file, pemOf("CERTIFICATE", der))
	return a
}

// issue makes a certificate for host names and addresses; change may change it before it is signed.
func (a *authority) issue(tb testing.TB, dir, name string, hosts []string, change func(*x509.Certificate)) leaf {
	tb.Helper()
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	check(tb, err)
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		NotBefore:   time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * 90 * time.Hour),
	}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	if change != nil {
		change(template)
	}
	key := newKey(tb)
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key)
	check(tb, err)
	key8, err := x509.MarshalPKCS8PrivateKey(key)
	check(tb, err)
	l := leaf{
		certificate: filepath.Join(dir, name+".pem"), key: filepath.Join(dir, name+"-key.pem"),
		both: filepath.Join(dir, name+"-both.pem"), key8: key8,
	}
	certificates := pemOf("CERTIFICATE", der)
	write(tb, l.certificate, certificates)
	write(tb, l.key, pemOf("PRIVATE KEY", key8))
	write(tb, l.both, slices.Concat(pemOf("PRIVATE KEY", key8), certificates, pemOf("CERTIFICATE", a.certificate.Raw)))
	return l
}

func newKey(tb testing.TB) *ecdsa.PrivateKey {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(tb, err)
	return key
}

func pemOf(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

// write moves a file into place, as whoever replaces certificates should.
func write(tb testing.TB, file string, content []byte) {
	tb.Helper()
	check(tb, os.WriteFile(file+".new", content, 0o600))
	check(tb, os.Rename(file+".new", file))
}

func check(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}
