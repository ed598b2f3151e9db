package robust

import (
	"context"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/config"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/host/tcp"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/loop"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/session"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/saramaclient"
	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// engine runs the mesh inside the test, listening on an address that is not the one it advertises: what clients see of it
// goes through a recorder.
func engine(t *testing.T, mesh *stack.Mesh, listen string) {
	t.Helper()
	text, err := mesh.Config()
	if err != nil {
		t.Fatal(err)
	}
	c, err := config.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	worker := loop.New(func(reason any, stack []byte) { t.Errorf("panic: %v\n%s", reason, stack) })
	thread := func(int) upstream.Thread { return upstream.Thread{Cork: worker.Cork(), Watcher: worker} }
	f, err := filter.New(c, filter.Options{NewClient: saramaclient.New, Stats: &stats.Set{}, Log: log, Thread: thread})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", listen)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		open := func(worker int, p session.Peer, c session.Conn) tcp.Session { return f.NewSession(worker, p, c) }
		done <- tcp.New(tcp.Options{Log: log, Loops: []*loop.Loop{worker}, Grace: time.Second, Open: open}).Serve(ctx, l)
	}()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		f.Close()
		worker.Close()
	})
}
