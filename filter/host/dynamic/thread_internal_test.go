package dynamic

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/host/dynamic/abi"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/socket"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/socket/sockettest"
)

// echo sends back what it reads.
type echo struct {
	ready  chan struct{} // closed when socket is there
	socket socket.Socket
	over   chan error

	mu   sync.Mutex
	have []byte
	busy bool
}

var _ socket.Events = (*echo)(nil)

func (e *echo) Readable(r socket.Reader) {
	<-e.ready
	e.mu.Lock()
	defer e.mu.Unlock()
	e.have = append(e.have, r.Next()...)
	e.send()
}

func (e *echo) Written() {
	<-e.ready
	e.mu.Lock()
	defer e.mu.Unlock()
	e.busy = false
	e.send()
}

func (e *echo) Over(err error) { e.over <- err }

func (e *echo) send() {
	if e.busy || len(e.have) == 0 {
		return
	}
	parts := socket.Rest([][]byte{e.have}, e.socket.TryWrite([][]byte{e.have}))
	e.have = nil
	if e.busy = len(parts) > 0; e.busy {
		e.socket.Send(parts)
	}
}

// TestWorkerWithoutConnections has sockets of workers that have no connection: nobody but a goroutine can handle them.
//
//nolint:paralleltest // abi.Register is for the process
func TestWorkerWithoutConnections(t *testing.T) {
	ts := &threads{log: slog.New(slog.DiscardHandler)}
	abi.Register(nil, ts.abi)
	for name, open := range sockettest.Pairs {
		t.Run(name, func(t *testing.T) {
			var working sync.WaitGroup
			for i := range 10 {
				working.Go(func() { testEcho(t, ts.at(i%2), open(t), name != "pipe") })
			}
			working.Wait()
		})
	}
}

func testEcho(t *testing.T, on *thread, p sockettest.Pair, watched bool) {
	t.Helper()
	e := &echo{ready: make(chan struct{}), over: make(chan error, 2)}
	e.socket = on.Watch(p.Near, func() { _ = p.Near.Close() }, e)
	if !watched {
		if e.socket != nil {
			t.Error("a pipe is watched")
		}
		return
	}
	close(e.ready)
	want := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	go func() { _, _ = p.Far.Write(want) }()
	got := make([]byte, len(want))
	if _, err := io.ReadFull(p.Far, got); err != nil || !bytes.Equal(got, want) {
		t.Errorf("what was sent did not come back: %v", err)
	}
	_ = p.Far.Close()
	select {
	case err := <-e.over:
		if !errors.Is(err, io.EOF) {
			t.Errorf("over because of %v, want EOF", err)
		}
	case <-time.After(time.Minute):
		t.Error("the end is not heard of")
	}
	e.socket.Close()
}
