package tcp_test

import (
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"sync"
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/filter"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/config"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/host/hosttest"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/host/tcp"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/loop"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/session"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/saramaclient"
)

func threads(all []*loop.Loop) func(worker int) upstream.Thread {
	return func(worker int) upstream.Thread {
		return upstream.Thread{Cork: all[worker].Cork(), Watcher: all[worker]}
	}
}

// TestContract runs the suite of all hosts. What refuses a configuration is `kafkamesh serve`, not this package.
func TestContract(t *testing.T) {
	t.Parallel()
	hosttest.Run(t, hosttest.Host{Start: serves})
}

// TestContractByTLS runs it with clients whose connections are encrypted by somebody in between.
func TestContractByTLS(t *testing.T) {
	t.Parallel()
	c := issue(t)
	hosttest.Run(t, hosttest.Host{Relayed: true, Start: func(t *testing.T, text string) string {
		t.Helper()
		return encrypting(t, servesWith(t, text, c.listens), c.client())
	}})
}

// encrypting is the address of a relay that speaks TLS with a server for clients that do not.
func encrypting(t *testing.T, server string, config *tls.Config) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	relay := func(near *net.TCPConn) {
		defer near.Close()
		far, err := tls.Dial("tcp", server, config)
		if err != nil {
			return
		}
		defer far.Close()
		var up sync.WaitGroup
		up.Go(func() {
			if _, err := io.Copy(far, near); err != nil { // the client has reset its connection
				_ = far.NetConn().(*net.TCPConn).SetLinger(0)
				_ = far.NetConn().Close()
				return
			}
			_ = far.CloseWrite()
		})
		if _, err := io.Copy(near, far); err != nil { // and so has the server
			_ = near.SetLinger(0)
			_ = near.Close()
		}
		_ = near.CloseWrite()
		up.Wait()
	}
	running.Go(func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() { relay(nc.(*net.TCPConn)) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		running.Wait()
	})
	return l.Addr().String()
}

// serves starts a server with a configuration, until the test ends.
func serves(t *testing.T, text string) string {
	t.Helper()
	return servesWith(t, text, func(*tcp.Options) {})
}

func servesWith(t *testing.T, text string, change func(*tcp.Options)) string {
	t.Helper()
	c, err := config.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	all := loops(t, 2)
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	f, err := filter.New(c, filter.Options{
		NewClient: saramaclient.New, Stats: stats.New(filter.Metrics(c)), Log: log, Thread: threads(all),
	})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	o := tcp.Options{
		Log: log, Loops: all,
		Open: func(worker int, p session.Peer, conn session.Conn) tcp.Session { return f.NewSession(worker, p, conn) },
	}
	change(&o)
	server := tcp.New(o)
	go func() { served <- server.Serve(ctx, l) }()
	t.Cleanup(func() {
		stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
		f.Close()
	})
	return l.Addr().String()
}
