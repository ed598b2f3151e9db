package saramaclient_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/dial"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream"
	"github.com/kafkamesh/envoy-kafka-mesh/test/authority"
	"github.com/kafkamesh/envoy-kafka-mesh/test/bubble"
)

// A certificate and its key are replaced one after the other: what connects between uses the old pair, and says so.
func TestCertificatesAreReplacedOneAfterAnother(t *testing.T) {
	t.Parallel()
	ca, err := authority.New("ca")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	files := map[string]string{}
	write := func(name string, content []byte) {
		t.Helper()
		files[name] = filepath.Join(dir, name)
		if err := os.WriteFile(files[name], content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	issue := func(name string) *authority.Leaf {
		t.Helper()
		leaf, err := ca.Issue(name, []string{"127.0.0.1"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return leaf
	}
	one, two := issue("one"), issue("two")
	write("key", one.Key)
	write("certificate", one.Certificate)
	write("ca", ca.PEM)
	pair, err := tls.X509KeyPair(one.Certificate, one.Key)
	if err != nil {
		t.Fatal(err)
	}
	trusted := x509.NewCertPool()
	trusted.AddCert(ca.Certificate)
	seen := make(chan string, 10)
	_, s := cluster(t, kfake.TLS(&tls.Config{
		Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: trusted,
		VerifyConnection: func(s tls.ConnectionState) error {
			seen <- s.PeerCertificates[0].Subject.CommonName
			return nil
		},
	}))
	s.Dial.TLS = &dial.TLS{CA: dial.Source{File: files["ca"]}, Certificate: dial.Source{File: files["certificate"]}, Key: dial.Source{File: files["key"]}}
	client := newClient(t, s)
	want := func(name, stale string) {
		t.Helper()
		conn, err := client.Dial(t.Context(), s.BootstrapServers[0])
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if got := <-seen; got != name {
			t.Errorf("the broker saw %s, want %s", got, name)
		}
		if (conn.Stale != nil) != (stale != "") || conn.Stale != nil && !strings.Contains(conn.Stale.Error(), stale) {
			t.Errorf("stale: %v, want %q", conn.Stale, stale)
		}
	}
	want("one", "")
	write("key", two.Key)
	want("one", "does not belong to the certificate")
	write("certificate", two.Certificate)
	want("two", "")
	write("ca", nil)
	want("two", "there is no certificate in "+files["ca"])
}

// Watch tells of what was replaced when all of it is there, or when it has not fitted together for a minute.
func TestWatchWaitsForTheLastFile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ca, err := authority.New("ca")
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		key, certificate := filepath.Join(dir, "key"), filepath.Join(dir, "certificate")
		write := func(name string, content []byte) {
			t.Helper()
			if err := os.WriteFile(name, content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		issue := func() *authority.Leaf {
			t.Helper()
			leaf, err := ca.Issue("mesh", nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			return leaf
		}
		one, two, three := issue(), issue(), issue()
		write(key, one.Key)
		write(certificate, one.Certificate)
		s := upstream.Settings{Name: "c1", BootstrapServers: []string{"a:1"}, ClientID: "x", Dial: dial.Settings{TLS: &dial.TLS{
			Certificate: dial.Source{File: certificate}, Key: dial.Source{File: key},
		}}}
		client := newClient(t, s)
		var changes atomic.Int32
		ctx, cancel := context.WithCancel(t.Context())
		over := make(chan struct{})
		go func() {
			client.Watch(ctx, func() { changes.Add(1) })
			close(over)
		}()
		want := func(when string, pass time.Duration, n int) {
			t.Helper()
			bubble.Advance(pass)
			synctest.Wait()
			if got := int(changes.Load()); got != n {
				t.Errorf("%s: %d changes, want %d", when, got, n)
			}
		}
		want("nothing is replaced", time.Minute, 0)
		write(key, two.Key)
		want("the key is", 30*time.Second, 0)
		write(certificate, two.Certificate)
		want("both are", 6*time.Second, 1)
		write(certificate, three.Certificate)
		want("another certificate is there", 55*time.Second, 1)
		want("and stays alone", 15*time.Second, 2)
		want("and stays alone for long", 10*time.Minute, 2)
		write(key, three.Key)
		want("its key is there", 6*time.Second, 3)
		cancel()
		<-over
	})
}
