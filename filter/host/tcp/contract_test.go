package tcp_test

import (
	"context"
	"log/slog"
	"net"
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
	hosttest.Run(t, hosttest.Host{Start: func(t *testing.T, text string) string {
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
		server := tcp.New(tcp.Options{
			Log: log, Loops: all,
			Open: func(worker int, p session.Peer, conn session.Conn) tcp.Session {
				return f.NewSession(worker, p, conn)
			},
		})
		go func() { served <- server.Serve(ctx, l) }()
		t.Cleanup(func() {
			stop()
			if err := <-served; err != nil {
				t.Error(err)
			}
			f.Close()
		})
		return l.Addr().String()
	}})
}
