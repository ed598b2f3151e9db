package dial_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/dial"
	"github.com/kafkamesh/envoy-kafka-mesh/test/authority"
)

// identity is a certificate for URIs alone.
func (s signer) identity(uris ...string) tls.Certificate {
	s.t.Helper()
	leaf, err := s.Issue("", nil, func(c *x509.Certificate) {
		for _, uri := range uris {
			u, err := url.Parse(uri)
			check(s.t, err)
			c.URIs = append(c.URIs, u)
		}
	})
	check(s.t, err)
	return pairOf(s.t, leaf)
}

func pairOf(t *testing.T, leaf *authority.Leaf) tls.Certificate {
	t.Helper()
	pair, err := tls.X509KeyPair(leaf.Certificate, leaf.Key)
	check(t, err)
	return pair
}

// shake has both ends shake hands, and returns what the server saw and why the client does not go on.
func shake(t *testing.T, client *tls.Config, server *tls.Config) (tls.ConnectionState, error) {
	t.Helper()
	near, far := connected(t)
	defer near.Close()
	done := make(chan tls.ConnectionState)
	go func() {
		conn := tls.Server(far, server)
		_ = conn.Handshake() // the client says what is wrong
		done <- conn.ConnectionState()
		_ = far.Close()
	}()
	err := tls.Client(near, client).Handshake()
	_ = near.Close()
	return <-done, err
}

// Brokers of a mesh are known by their SPIFFE ids, whatever host was dialled.
func TestSPIFFE(t *testing.T) {
	t.Parallel()
	const kafka, other = "spiffe://cluster.local/ns/kafka/sa/kafka", "spiffe://cluster.local/ns/other/sa/kafka"
	a, stranger := newSigner(t), newSigner(t)
	named, err := a.Issue("broker", []string{"10.1.2.3"}, nil)
	check(t, err)
	for name, tt := range map[string]struct {
		shown tls.Certificate
		ids   []string
		want  string // in the error; empty: there is none
	}{
		"right":                     {a.identity(kafka), []string{kafka}, ""},
		"one of two":                {a.identity(kafka), []string{other, kafka}, ""},
		"beside another":            {a.identity(other, kafka), []string{kafka}, ""},
		"wrong":                     {a.identity(other), []string{kafka}, "the broker's certificate is for " + other + ", which is none of tls.spiffe_ids"},
		"longer":                    {a.identity(kafka + "-2"), []string{kafka}, "none of tls.spiffe_ids"},
		"none":                      {a.identity(), []string{kafka}, "for no name at all, which is none of tls.spiffe_ids"},
		"the host's name":           {pairOf(t, named), []string{kafka}, "for 10.1.2.3, which is none of tls.spiffe_ids"},
		"of another authority":      {stranger.identity(kafka), []string{kafka}, "signed by none of the known authorities"},
		"many":                      {a.identity("a:1", "a:2", "a:3", "a:4", "a:5", "a:6"), []string{kafka}, "for a:1, a:2, a:3, a:4 and 2 others, which"},
		"not asked for, by address": {a.identity(kafka), nil, "not for 10.1.2.3 but for " + kafka + "; it is a mesh's: write who brokers may be into tls.spiffe_ids"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			settings := dial.Settings{TLS: &dial.TLS{CA: inline(a.pem()), SPIFFEIDs: tt.ids}}
			config, problems := settings.TLS.Load("10.1.2.3", time.Now())
			if len(problems) > 0 {
				t.Fatal(problems)
			}
			_, err := shake(t, config, &tls.Config{Certificates: []tls.Certificate{tt.shown}})
			switch {
			case tt.want == "" && err != nil:
				t.Error(err)
			case tt.want != "" && (err == nil || !strings.Contains(settings.Explain(err).Error(), tt.want)):
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
}

// The server is offered exactly what is configured, and may take none of it.
func TestALPN(t *testing.T) {
	t.Parallel()
	a := newSigner(t)
	shown := a.identity("spiffe://a/b")
	for _, tt := range []struct {
		offered, taken []string
		want           string
		err            string
	}{
		{[]string{"istio"}, []string{"istio-peer-exchange", "istio"}, "istio", ""},
		{[]string{"istio"}, nil, "", ""},
		{nil, []string{"istio"}, "", ""},
		{[]string{"istio"}, []string{"h2"}, "", "the broker takes none of the protocols of tls.alpn"},
	} {
		settings := dial.Settings{TLS: &dial.TLS{CA: inline(a.pem()), SPIFFEIDs: []string{"spiffe://a/b"}, ALPN: tt.offered}}
		config, _ := settings.TLS.Load("broker", time.Now())
		var heard []string
		state, err := shake(t, config, &tls.Config{
			Certificates: []tls.Certificate{shown}, NextProtos: tt.taken,
			GetConfigForClient: func(h *tls.ClientHelloInfo) (*tls.Config, error) { heard = h.SupportedProtos; return nil, nil },
		})
		if strings.Join(heard, " ") != strings.Join(tt.offered, " ") || state.NegotiatedProtocol != tt.want {
			t.Errorf("offered %v, the server heard %v and took %q, want %q", tt.offered, heard, state.NegotiatedProtocol, tt.want)
		}
		if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.Contains(settings.Explain(err).Error(), tt.err)) {
			t.Errorf("offered %v: %v, want %q", tt.offered, err, tt.err)
		}
	}
}

// files are those of a workload in a mesh.
type files struct {
	t            *testing.T
	dir          string
	tls          *dial.TLS
	key, pem, ca string
}

func newFiles(t *testing.T) *files {
	t.Helper()
	dir := t.TempDir()
	f := &files{t: t, dir: dir, key: filepath.Join(dir, "key.pem"), pem: filepath.Join(dir, "cert-chain.pem"), ca: filepath.Join(dir, "root-cert.pem")}
	f.tls = &dial.TLS{CA: dial.Source{File: f.ca}, Certificate: dial.Source{File: f.pem}, Key: dial.Source{File: f.key}}
	return f
}

func (f *files) write(file, text string) {
	f.t.Helper()
	check(f.t, os.WriteFile(file, []byte(text), 0o600))
}

// serial is the number of the certificate that connections are made with now; stale says whether it was there before.
func (f *files) serial(k *dial.Keeper, now time.Time) (serial int64, stale, err error) {
	f.t.Helper()
	config, stale, err := k.Load("broker", now)
	if err != nil {
		return 0, nil, err
	}
	return config.Certificates[0].Leaf.SerialNumber.Int64(), stale, nil
}

// While files are replaced one after another, connections are made with what was there before; then with what is new.
func TestKeeper(t *testing.T) {
	t.Parallel()
	a := newSigner(t)
	f := newFiles(t)
	const life = 90 * 24 * time.Hour
	one, oneKey := a.issue(1, life)
	two, twoKey := a.issue(2, life)
	f.write(f.key, oneKey)
	f.write(f.pem, one)
	f.write(f.ca, a.pem())
	k := dial.NewKeeper(f.tls)
	want := func(when string, serial int64, stale dial.Part) {
		t.Helper()
		got, old, err := f.serial(k, time.Now())
		part := dial.Part("")
		if p, ok := errors.AsType[*dial.Problem](old); ok {
			part = p.Part
		}
		if got != serial || err != nil || part != stale || (&dial.Settings{TLS: f.tls}).Sound(time.Now()) != (stale == "") {
			t.Errorf("%s: certificate %d, stale %v, %v; want %d, %q", when, got, old, err, serial, stale)
		}
	}
	want("at first", 1, "")
	f.write(f.key, twoKey)
	want("with the new key", 1, dial.PartKey)
	f.write(f.pem, two[:len(two)/2])
	want("while the certificate is being written", 1, dial.PartCertificate)
	f.write(f.pem, two)
	want("with both", 2, "")
	f.write(f.ca, "")
	want("with an empty CA", 2, dial.PartCA)
	check(t, os.Remove(f.ca))
	want("without CA", 2, dial.PartCA)
	f.write(f.ca, newSigner(t).pem())
	want("with another CA", 2, "")
	check(t, os.Remove(f.key))
	want("without key", 2, dial.PartKey)

	later := time.Now().Add(life + time.Hour)
	if _, _, err := f.serial(k, later); err == nil || !strings.Contains(err.Error(), f.key) && !strings.Contains(err.Error(), "there is no file") {
		t.Errorf("when the old one has ended: %v", err)
	}
	f.write(f.key, oneKey)
	if _, _, err := f.serial(k, later); err == nil || !strings.Contains(err.Error(), "does not belong to the certificate") {
		t.Errorf("when the old one has ended, and the files do not match: %v", err)
	}
}

// A keeper that has seen nothing yet has nothing to keep.
func TestKeeperOfNothing(t *testing.T) {
	t.Parallel()
	a := newSigner(t)
	f := newFiles(t)
	certificate, key := a.issue(1, time.Hour)
	f.write(f.pem, certificate)
	f.write(f.ca, a.pem())
	k := dial.NewKeeper(f.tls)
	if _, _, err := f.serial(k, time.Now()); err == nil || err.Error() != "our key: there is no file of this name" {
		t.Errorf("without a key: %v", err)
	}
	f.write(f.key, key)
	if serial, stale, err := f.serial(k, time.Now()); serial != 1 || stale != nil || err != nil {
		t.Errorf("certificate %d, stale %v, %v; want 1", serial, stale, err)
	}
}
