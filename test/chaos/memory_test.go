package chaos

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire/wiretest"
	"github.com/kafkamesh/envoy-kafka-mesh/test/bench/sink"
	"github.com/kafkamesh/envoy-kafka-mesh/test/rawkafka"
	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

const mib = 1 << 20

// limits are what a worker's clients may hold: so little that hostile clients reach it, and far more than the load needs.
var limits = map[string]int64{
	"max_request_bytes": 4 * mib, "max_in_flight_bytes_per_connection": 2 * mib, "max_in_flight_bytes_per_worker": 16 * mib,
}

// hostile is clients that all hold memory in the same way, and come back when they are disconnected.
type hostile struct {
	name    string
	clients int
	behave  func(net.Conn)
	paused  bool // at the limit they are paused; else they are disconnected
	lost    atomic.Int64
}

// exhaustMemory has hostile clients reach each limit of memory while the load goes on. Then they leave.
func exhaustMemory(ctx context.Context, t *trial) error {
	crowds := []*hostile{ // each can still reach its limit when those before it have
		{name: "answers not read", clients: 40, behave: neverRead},
		{name: "requests that do not end", clients: 30, behave: neverEnd},
		{name: "requests not answered", clients: 40, behave: neverAnswered, paused: true},
	}
	crowd, leave := context.WithCancel(ctx)
	var all sync.WaitGroup
	return during(ctx, t, func() error {
		addr := t.hosts.reached()
		for _, h := range crowds {
			for range h.clients {
				all.Go(func() { h.live(crowd, addr) })
			}
			if !t.until(ctx, patience, func() bool { return h.lost.Load() > 0 || h.paused }) {
				return errors.New("hostile clients keep what they hold: " + h.name)
			}
		}
		return nil
	}, func() error {
		for _, h := range crowds {
			t.note("%d clients with %s were disconnected %d times", h.clients, h.name, h.lost.Load())
		}
		held, err := t.hosts.held(ctx)
		t.note("%s", held)
		leave()
		all.Wait()
		return err
	})
}

// live is one client's life.
func (h *hostile) live(ctx context.Context, addr string) {
	for ctx.Err() == nil {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
		if err == nil {
			stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
			h.behave(conn)
			if stop() {
				h.lost.Add(1)
				_ = conn.Close()
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

// neverEnd announces a large request, sends all of it but the last byte, and waits.
func neverEnd(conn net.Conn) {
	head := binary.BigEndian.AppendUint32(nil, uint32(limits["max_request_bytes"]))
	if _, err := conn.Write(append(head, make([]byte, limits["max_request_bytes"]-1)...)); err == nil {
		_, _ = io.Copy(io.Discard, conn) // until it is closed
	}
}

// neverRead asks for many topics again and again, and reads no answer.
func neverRead(conn net.Conn) {
	_ = conn.(*net.TCPConn).SetReadBuffer(64 << 10) // the rest is for the mesh to hold
	names := make([]string, 200)
	for i := range names {
		names[i] = fmt.Sprintf("c3-%d", i)
	}
	repeat(conn, rawkafka.Frame("hostile", 1, rawkafka.Metadata(names...)))
}

// neverAnswered sends requests to a cluster that does not answer. They are small enough to come whole.
func neverAnswered(conn net.Conn) {
	req := rawkafka.Produce(9, -1, "c3-0", 0, wiretest.Batch{Records: wiretest.Records(1, 12<<10)}.Bytes())
	req.TimeoutMillis = 10_000
	repeat(conn, rawkafka.Frame("hostile", 1, req))
}

func repeat(conn net.Conn, frame []byte) {
	for err := error(nil); err == nil; {
		_, err = conn.Write(frame)
	}
}

// reached is the address of the host that clients are sent to.
func (h *hosts) reached() string {
	if h.moved {
		return h.second
	}
	return h.addr
}

// held is what Envoy says of memory, when clients are sent to it.
func (h *hosts) held(ctx context.Context) (string, error) {
	if h.moved {
		return "all that in the plain binary", nil
	}
	var said []string
	for _, name := range []string{"kafkamesh.violations.memory_limit", "kafkamesh.cluster.c3.in_flight_bytes"} {
		n, err := h.envoy.Stats(ctx, name)
		if err != nil {
			return "", err
		}
		said = append(said, fmt.Sprintf("%s %d", name, n))
	}
	rss, err := h.envoy.RSS()
	return fmt.Sprintf("Envoy counts %s; its memory is %d MiB", strings.Join(said, ", "), rss/mib), err
}

// stalled starts a cluster that takes batches and answers none.
func stalled(t *testing.T) stack.MeshCluster {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	stack.Check(t, err)
	var served sync.WaitGroup
	served.Go(func() { _ = (&sink.Raw{Partitions: 1, Silent: true}).Serve(listener) }) // until it is closed
	t.Cleanup(func() {
		_ = listener.Close()
		served.Wait()
	})
	return stack.MeshCluster{Name: "c3", Bootstrap: listener.Addr().String()}
}
