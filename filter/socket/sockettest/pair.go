// Package sockettest has connections for tests of what reads and writes them.
package sockettest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"path/filepath"
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/socket"
	"github.com/kafkamesh/envoy-kafka-mesh/test/authority"
)

// Pair is the two ends of a connection. Near is as a dialler makes it; who has an end closes it.
type Pair struct{ Near, Far net.Conn }

// Pairs are all kinds of connections, by name.
var Pairs = map[string]func(t *testing.T) Pair{ //nolint:gochecknoglobals // a table
	"pipe": Pipe, "tcp": TCP, "tls": TLS, "unix": Unix, "tls on unix": TLSOnUnix,
}

// Pipe is one without room in it: what is written has been read.
func Pipe(*testing.T) Pair {
	near, far := net.Pipe()
	return Pair{near, far}
}

// TCP is one of this machine's own.
func TCP(t *testing.T) Pair {
	t.Helper()
	return local(t, "tcp", "127.0.0.1:0")
}

func local(t *testing.T, network, addr string) Pair {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), network, addr)
	check(t, err)
	defer l.Close() //nolint:errcheck // it has served
	near, err := (&net.Dialer{}).DialContext(t.Context(), network, l.Addr().String())
	check(t, err)
	far, err := l.Accept()
	check(t, err)
	return Pair{near, far}
}

// Unix is one of this machine's own, as those through a proxy's socket are.
func Unix(t *testing.T) Pair {
	t.Helper()
	return local(t, "unix", filepath.Join(t.TempDir(), "socket"))
}

// TLS is one with TLS on a socket, made on a plug. Both have shaken hands.
func TLS(t *testing.T) Pair {
	t.Helper()
	return encrypt(t, TCP(t))
}

// TLSOnUnix is TLS on the other kind of socket.
func TLSOnUnix(t *testing.T) Pair {
	t.Helper()
	return encrypt(t, Unix(t))
}

func encrypt(t *testing.T, below Pair) Pair {
	t.Helper()
	ca, err := authority.New("test")
	check(t, err)
	leaf, err := ca.Issue("broker", []string{"broker"}, nil)
	check(t, err)
	certificate, err := tls.X509KeyPair(leaf.Certificate, leaf.Key)
	check(t, err)
	trusted := x509.NewCertPool()
	trusted.AddCert(ca.Certificate)
	near := tls.Client(socket.NewPlug(below.Near), &tls.Config{RootCAs: trusted, ServerName: "broker", MinVersion: tls.VersionTLS12})
	far := tls.Server(below.Far, &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12})
	shaken := make(chan error, 1)
	go func() { shaken <- far.HandshakeContext(context.WithoutCancel(t.Context())) }()
	check(t, near.HandshakeContext(t.Context()))
	check(t, <-shaken)
	return Pair{near, far}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
