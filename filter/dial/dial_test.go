package dial_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/dial"
	"github.com/kafkamesh/envoy-kafka-mesh/test/authority"
)

// signer is an authority whose certificates are for a server called "broker".
type signer struct {
	*authority.Authority

	t *testing.T
}

func newSigner(t *testing.T) signer {
	t.Helper()
	a, err := authority.New("authority")
	check(t, err)
	return signer{a, t}
}

func (s signer) pem() string { return string(s.PEM) }

func (s signer) issue(serial int64, life time.Duration, names ...string) (certificate, key string) {
	s.t.Helper()
	leaf, err := s.Issue("broker", names, func(c *x509.Certificate) {
		c.SerialNumber, c.NotAfter = big.NewInt(serial), time.Now().Add(life)
	})
	check(s.t, err)
	return string(leaf.Certificate), string(leaf.Key)
}

func (s signer) withdraw(serials ...int64) string {
	s.t.Helper()
	list, err := s.Withdraw(serials...)
	check(s.t, err)
	return string(list)
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func inline(text string) dial.Source { return dial.Source{Inline: text} }

// What is verified of a server's certificate.
func TestVerification(t *testing.T) {
	t.Parallel()
	a, other := newSigner(t), newSigner(t)
	certificate, key := a.issue(7, time.Hour, "broker")
	pair, err := tls.X509KeyPair([]byte(certificate), []byte(key))
	check(t, err)
	for name, tt := range map[string]struct {
		tls  dial.TLS
		host string
		want string // in the error; empty: there is none
	}{
		"right":                          {dial.TLS{CA: inline(a.pem())}, "broker", ""},
		"another name":                   {dial.TLS{CA: inline(a.pem())}, "other", "not for other but for broker"},
		"named":                          {dial.TLS{CA: inline(a.pem()), ServerName: "broker"}, "other", ""},
		"any name":                       {dial.TLS{CA: inline(a.pem()), SkipName: true}, "other", ""},
		"another authority":              {dial.TLS{CA: inline(other.pem())}, "broker", "none of the known authorities (those in the configuration)"},
		"any name, another authority":    {dial.TLS{CA: inline(other.pem()), SkipName: true}, "broker", "none of the known authorities"},
		"anybody":                        {dial.TLS{CA: inline(other.pem()), SkipVerify: true}, "other", ""},
		"withdrawn":                      {dial.TLS{CA: inline(a.pem()), CRL: inline(a.withdraw(5, 7))}, "broker", `certificate "broker" is withdrawn`},
		"withdrawn, any name":            {dial.TLS{CA: inline(a.pem()), CRL: inline(a.withdraw(7)), SkipName: true}, "broker", "is withdrawn"},
		"another one withdrawn":          {dial.TLS{CA: inline(a.pem()), CRL: inline(a.withdraw(8))}, "broker", ""},
		"withdrawn by another authority": {dial.TLS{CA: inline(a.pem()), CRL: inline(other.withdraw(8))}, "broker", ""},
		"suites and curves":              {dial.TLS{CA: inline(a.pem()), CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}, Curves: []tls.CurveID{tls.CurveP256}}, "broker", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config, problems := tt.tls.Load(tt.host, time.Now())
			if len(problems) > 0 {
				t.Fatal(problems[0])
			}
			near, far := connected(t)
			server := tls.Server(far, &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12})
			done := make(chan struct{})
			go func() {
				defer close(done)
				_ = server.Handshake() // the client says what is wrong
				_ = far.Close()
			}()
			err := tls.Client(near, config).Handshake()
			_ = near.Close()
			<-done
			settings := dial.Settings{TLS: &tt.tls}
			switch {
			case tt.want == "" && err != nil:
				t.Error(err)
			case tt.want != "" && (err == nil || !strings.Contains(settings.Explain(err).Error(), tt.want)):
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
}

// connected are the two ends of a connection. Unlike those of a pipe, both may write at the same time.
func connected(t *testing.T) (near, far net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	defer l.Close()
	near, err = net.Dial("tcp", l.Addr().String())
	check(t, err)
	far, err = l.Accept()
	check(t, err)
	return near, far
}

// A certificate that ends within 30 days is a warning.
func TestExpiresSoon(t *testing.T) {
	t.Parallel()
	a := newSigner(t)
	for life, want := range map[time.Duration]int{29 * 24 * time.Hour: 1, 31 * 24 * time.Hour: 0} {
		certificate, key := a.issue(1, life)
		settings := dial.Settings{TLS: &dial.TLS{Certificate: inline(certificate), Key: inline(key)}}
		problems := settings.Check(time.Now())
		if len(problems) != want || want == 1 && (!problems[0].Warning || problems[0].Part != dial.PartCertificate) {
			t.Errorf("%v before the end: %v, want %d warnings", life, problems, want)
		}
	}
}

// A secret never gets into what is printed of a Source, however it is printed.
func TestSourceKeepsSecrets(t *testing.T) {
	t.Parallel()
	s := dial.SASL{Password: inline("hush")}
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		if text := fmt.Sprintf(format, s) + fmt.Sprintf(format, s.Password) + fmt.Sprintf(format, &s.Password); strings.Contains(text, "hush") {
			t.Errorf("%s prints %s", format, text)
		}
	}
}

// The fingerprint changes with what is in a file, and not with its time; a file that is away for a moment changes nothing.
func TestFingerprint(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "password")
	s := dial.Settings{SASL: &dial.SASL{Username: inline("u"), Password: dial.Source{File: file}}}
	if !s.Changes() {
		t.Error("nothing changes")
	}
	write := func(text string) [32]byte {
		check(t, os.WriteFile(file, []byte(text), 0o600))
		return s.Fingerprint()
	}
	one, two, again := write("one"), write("two"), write("one")
	if one == two || one != again || one == ([32]byte{}) {
		t.Errorf("fingerprints %x, %x, %x", one, two, again)
	}
	check(t, os.Remove(file))
	if s.Fingerprint() != ([32]byte{}) {
		t.Error("a missing file has a fingerprint")
	}
	if still := (&dial.Settings{SASL: &dial.SASL{Password: inline("x")}}); still.Changes() {
		t.Error("what is inline changes")
	}
}

// Tokens out of a file must be signed and valid, as far as can be seen.
func TestTokenFile(t *testing.T) {
	t.Parallel()
	part := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	future, past := time.Now().Add(time.Hour).Unix(), time.Now().Add(-time.Hour).Unix()
	for name, tt := range map[string]struct{ token, want string }{
		"signed":   {part(`{"alg":"RS256"}`) + "." + part(fmt.Sprintf(`{"exp":%d}`, future)) + ".x\n", ""},
		"opaque":   {"something", ""},
		"unsigned": {part(`{"alg":"none"}`) + "." + part(`{}`) + ".", "is not signed"},
		"old":      {part(`{"alg":"RS256"}`) + "." + part(fmt.Sprintf(`{"exp":%d}`, past)) + ".x", "has expired"},
		"empty":    {"\n", "is empty"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "token")
			check(t, os.WriteFile(file, []byte(tt.token), 0o600))
			token, err := dial.NewTokens(&dial.OAuth{TokenFile: dial.Source{File: file}}).Token(t.Context())
			switch {
			case tt.want == "" && (err != nil || token.Value != strings.TrimSpace(tt.token)):
				t.Errorf("%q, %v", token.Value, err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
}
