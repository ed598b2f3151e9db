package tcp_test

import (
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/host/tcp"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/socket/sockettest"
)

// TestHammer has many clients that send, half close, reset and vanish, while their sessions write, pause and close from
// other goroutines. The session checks the contract; the race detector and goleak check the rest.
func TestHammer(t *testing.T) {
	t.Parallel()
	var answers sync.WaitGroup
	h := start(t, func(s *engine) {
		late := func() {
			p := make([]byte, rand.IntN(4<<10))
			answers.Go(func() {
				s.conn.PauseReads(rand.IntN(2) == 0)
				write(s.conn, p)
				s.conn.PauseReads(false)
			})
		}
		s.data = func([]byte) { late() }
		s.congested = func(on bool) { s.conn.PauseReads(on) }
		s.end = func() {
			late()
			answers.Go(s.conn.Close)
		}
	}, func(o *tcp.Options) { o.Grace = 100 * time.Millisecond })

	var clients sync.WaitGroup
	for range 8 {
		clients.Go(func() {
			for range 40 {
				hammerOnce(t, h.addr)
			}
		})
	}
	clients.Wait()
	h.stop()
	sockettest.Receive(t, h.stopped, "Serve")
	answers.Wait()
	for close(h.sessions); ; {
		s, ok := <-h.sessions
		if !ok {
			break
		}
		sockettest.Receive(t, s.done, "Closed")
	}
}

func hammerOnce(t *testing.T, addr string) {
	t.Helper()
	c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Error(err)
		return
	}
	nc := c.(*net.TCPConn)
	defer nc.Close()
	nc.SetDeadline(time.Now().Add(sockettest.Patience))
	for range rand.IntN(5) {
		nc.Write(make([]byte, 1+rand.IntN(100<<10)))
	}
	switch rand.IntN(3) {
	case 0:
		nc.SetLinger(0) // reset
	case 1:
		nc.CloseWrite()
		for buf := make([]byte, 4<<10); ; {
			if _, err := nc.Read(buf); err != nil {
				return
			}
		}
	}
}
