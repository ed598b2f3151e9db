package tcp_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/host/tcp"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/socket/sockettest"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats"
	"github.com/kafkamesh/envoy-kafka-mesh/test/authority"
)

// certificates are those of a test: of the server, and of a client that has three names.
type certificates struct {
	roots          *x509.CertPool
	server, orders tls.Certificate
}

func issue(t *testing.T) *certificates {
	t.Helper()
	a, err := authority.New("authority")
	if err != nil {
		t.Fatal(err)
	}
	c := &certificates{roots: x509.NewCertPool()}
	c.roots.AddCert(a.Certificate)
	pair := func(name string, hosts []string, change func(*x509.Certificate)) tls.Certificate {
		leaf, err := a.Issue(name, hosts, change)
		if err != nil {
			t.Fatal(err)
		}
		p, err := tls.X509KeyPair(leaf.Certificate, leaf.Key)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	c.server = pair("server", []string{"mesh.example", "127.0.0.1"}, nil)
	c.orders = pair("orders", []string{"orders.example"}, func(c *x509.Certificate) {
		c.URIs = []*url.URL{{Scheme: "spiffe", Host: "mesh.example", Path: "/orders"}}
	})
	return c
}

// listens is Options.TLS that asks for a certificate, and takes none, too.
func (c *certificates) listens(o *tcp.Options) {
	config := &tls.Config{
		Certificates: []tls.Certificate{c.server}, ClientCAs: c.roots, ClientAuth: tls.VerifyClientCertIfGiven,
		SessionTicketsDisabled: true, MinVersion: tls.VersionTLS12,
	}
	o.TLS = func() (*tls.Config, bool) { return config, true }
}

func (c *certificates) client(own ...tls.Certificate) *tls.Config {
	return &tls.Config{RootCAs: c.roots, ServerName: "mesh.example", Certificates: own, MinVersion: tls.VersionTLS12}
}

// A session is told that the connection is encrypted, which name was asked for, and who the client is, in both versions of TLS.
func TestTLS(t *testing.T) {
	t.Parallel()
	c := issue(t)
	h := start(t, nil, c.listens)
	for name, version := range map[string]uint16{"1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13} {
		for who, own := range map[string][]tls.Certificate{"orders": {c.orders}, "nobody": nil} {
			config := c.client(own...)
			config.MaxVersion = version
			nc := tls.Client(h.dial(t), config)
			send(t, nc, "hello")
			expect(t, nc, "hello")
			s := h.session(t)
			want := [3]string{"spiffe://mesh.example/orders", "orders.example", "CN=orders"}
			if own == nil {
				want = [3]string{}
			}
			s.calls.Lock()
			shown := s.shown
			s.calls.Unlock()
			if shown != want || !s.peer.Encrypted || s.peer.ServerName != "mesh.example" {
				t.Errorf("%s with TLS %s: shown %q to %+v, want %q", who, name, shown, s.peer, want)
			}
			if err := nc.CloseWrite(); err != nil {
				t.Fatal(err)
			}
			expectEOF(t, nc)
			sockettest.Receive(t, s.done, "the end of the session")
		}
	}
}

// packed keeps what is written until it is told to send all of it at once.
type packed struct {
	net.Conn

	waits bool
	have  bytes.Buffer
}

func (p *packed) Write(b []byte) (int, error) {
	if p.waits {
		return p.have.Write(b)
	}
	return p.Conn.Write(b)
}

// What a client sends together with the last of its handshake is served.
func TestDataBehindHandshake(t *testing.T) {
	t.Parallel()
	c := issue(t)
	h := start(t, nil, c.listens)
	below := &packed{Conn: h.dial(t)}
	config := c.client()
	config.VerifyConnection = func(tls.ConnectionState) error { // the server has been heard
		below.waits = true
		return nil
	}
	nc := tls.Client(below, config)
	send(t, nc, "hello")
	below.waits = false
	if _, err := below.Conn.Write(below.have.Bytes()); err != nil {
		t.Fatal(err)
	}
	expect(t, nc, "hello")
}

// A large answer arrives whole, and its end is said as TLS says it, although its client reads late.
func TestTLSAnswerBeforeClose(t *testing.T) {
	t.Parallel()
	c := issue(t)
	const size = 8 << 20
	h := start(t, func(s *engine) {
		s.data = func([]byte) {
			write(s.conn, make([]byte, size))
			s.conn.Close()
		}
	}, c.listens)
	nc := tls.Client(h.dial(t), c.client())
	send(t, nc, "x")
	h.session(t)
	if n, err := io.Copy(io.Discard, nc); n != size || err != nil {
		t.Errorf("read %d bytes, %v, want %d and an end in order", n, err, size)
	}
}

// Who is refused is not served, and nobody is without TLS where it is to be spoken. Why is logged and counted.
func TestTLSRefuses(t *testing.T) {
	t.Parallel()
	c, strangers := issue(t), issue(t)
	for name, x := range map[string]struct {
		change func(*tcp.Options)
		client func(*net.TCPConn) net.Conn
		said   string
		counts stats.TLSFailure
	}{
		"no TLS":                   {c.listens, func(nc *net.TCPConn) net.Conn { return nc }, "does not look like a TLS handshake", stats.TLSPlaintext},
		"a stranger's certificate": {c.listens, func(nc *net.TCPConn) net.Conn { return tls.Client(nc, c.client(strangers.orders)) }, "unknown authority", stats.TLSClientCertificate},
		"none, where one is wanted": {func(o *tcp.Options) {
			config := &tls.Config{Certificates: []tls.Certificate{c.server}, ClientCAs: c.roots, ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS12}
			o.TLS = func() (*tls.Config, bool) { return config, true }
		}, func(nc *net.TCPConn) net.Conn { return tls.Client(nc, c.client()) }, "didn't provide a certificate", stats.TLSClientCertificate},
		"one that is withdrawn": {func(o *tcp.Options) {
			config := &tls.Config{
				Certificates: []tls.Certificate{c.server}, ClientAuth: tls.RequestClientCert, MinVersion: tls.VersionTLS12,
				VerifyConnection: func(tls.ConnectionState) error { return errors.New(`certificate "orders" is withdrawn`) },
			}
			o.TLS = func() (*tls.Config, bool) { return config, true }
		}, func(nc *net.TCPConn) net.Conn { return tls.Client(nc, c.client(c.orders)) }, "is withdrawn", stats.TLSClientCertificate},
		"who does not trust us": {c.listens, func(nc *net.TCPConn) net.Conn { return tls.Client(nc, strangers.client()) }, "bad certificate", stats.TLSRefused},
		"who goes": {c.listens, func(nc *net.TCPConn) net.Conn {
			_ = nc.CloseWrite()
			return nc
		}, "EOF", stats.TLSEnded},
		"who breaks the rules": {c.listens, func(nc *net.TCPConn) net.Conn {
			_, _ = nc.Write([]byte{21, 3, 1, 0, 1, 0}) // an alert, of which half is missing
			return nc
		}, "unexpected message", stats.TLSProtocol},
		"an old version": {c.listens, func(nc *net.TCPConn) net.Conn {
			config := c.client()
			config.MinVersion, config.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
			return tls.Client(nc, config)
		}, "unsupported versions", stats.TLSProtocol},
		"no certificate of ours": {func(o *tcp.Options) {
			o.TLS = func() (*tls.Config, bool) { return nil, true }
		}, func(nc *net.TCPConn) net.Conn { return nc }, "no certificate", stats.TLSNoCertificate},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lines, counted := make(chan string, 16), make(chan stats.TLSFailure, 16)
			h := start(t, nil, x.change, func(o *tcp.Options) {
				o.Log = slog.New(slog.NewTextHandler(writer(func(line []byte) { lines <- string(line) }), nil))
				o.HandshakeFailed = func(f stats.TLSFailure) { counted <- f }
			})
			nc := x.client(h.dial(t))
			_, _ = nc.Write([]byte("\x00\x00\x00\x10 this is Kafka's"))
			if n, err := nc.Read(make([]byte, 1)); err == nil && n > 0 && name != "no TLS" && name != "who breaks the rules" { // to those comes an alert
				t.Error("it is answered")
			}
			_, _ = io.Copy(io.Discard, nc)
			if said := sockettest.Receive(t, lines, "a line of the log"); !strings.Contains(said, x.said) {
				t.Errorf("the log says %q, want %q", said, x.said)
			}
			if got := sockettest.Receive(t, counted, "a handshake that failed"); got != x.counts {
				t.Errorf("it counts as %s, want %s", got, x.counts)
			}
			h.stop()
			if err := sockettest.Receive(t, h.stopped, "the end of the server"); err != nil {
				t.Error(err)
			}
			if len(h.sessions) > 0 {
				t.Error("there is a session")
			}
		})
	}
}

type writer func([]byte)

func (w writer) Write(p []byte) (int, error) { w(p); return len(p), nil }

// Clients that do not go on with their handshakes keep nobody out who comes from elsewhere, and do not keep the server from ending.
func TestSlowHandshakes(t *testing.T) {
	t.Parallel()
	c := issue(t)
	counted := make(chan stats.TLSFailure, 2*tcp.MaxFromOne)
	h := start(t, nil, c.listens, func(o *tcp.Options) { o.HandshakeFailed = func(f stats.TLSFailure) { counted <- f } })
	elsewhere := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 9)}}
	const more = 10 // than there are places for
	var slow []net.Conn
	for range tcp.MaxFromOne + more {
		slow = append(slow, h.dial(t))
	}
	for range more {
		if got := sockettest.Receive(t, counted, "one too many"); got != stats.TLSTooMany {
			t.Errorf("one too many counts as %s", got)
		}
	}
	for _, nc := range slow[tcp.MaxFromOne:] {
		if _, err := nc.Read(make([]byte, 1)); err == nil {
			t.Error("one is answered for whom there is no place")
		}
	}
	nc, err := elsewhere.DialContext(t.Context(), "tcp", h.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	other := tls.Client(nc, c.client())
	send(t, other, "hello")
	expect(t, other, "hello")
	h.stop()
	if err := sockettest.Receive(t, h.stopped, "the end of the server"); err != nil {
		t.Error(err)
	}
}

// A client that says nothing is closed after ten seconds.
func TestHandshakeTime(t *testing.T) {
	t.Parallel()
	c := issue(t)
	synctest.Test(t, func(t *testing.T) {
		l := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
		counted := make(chan stats.TLSFailure, 1)
		startOn(t, l, func(*engine) { t.Error("it is served") }, c.listens, func(o *tcp.Options) {
			o.HandshakeFailed = func(f stats.TLSFailure) { counted <- f }
		})
		nc, begun := l.dial(), time.Now()
		_, err := nc.Read(make([]byte, 1))
		if took := time.Since(begun); err == nil || took != 10*time.Second {
			t.Errorf("%v after %v, want an end after 10s", err, took)
		}
		if got := <-counted; got != stats.TLSTimeout {
			t.Errorf("it counts as %s", got)
		}
	})
}
