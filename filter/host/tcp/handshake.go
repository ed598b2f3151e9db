package tcp

import (
	"context"
	"crypto/tls"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/login"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/socket"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats"
)

const (
	// handshakeTime is how long a client may take for the handshake of TLS.
	handshakeTime = 10 * time.Second
	// maxHandshakes is how many there are at one time, and maxFromOne how many of them with clients of one network: all clients behind a load
	// balancer may be one, and come at once.
	maxHandshakes = 2048
	maxFromOne    = maxHandshakes / 2
	// tellEvery is how long after a handshake that failed the next is told of; those between are counted.
	tellEvery = 10 * time.Second
	// maxTold is how much of an error is told, in bytes.
	maxTold = 200
)

// handshakes are those with the clients that have connected and are not served yet. Each has a goroutine, which computes only while it has
// one of so many hands, and gives it back while it waits for its client.
type handshakes struct {
	o     *Options
	hands chan struct{} // holds one for each that computes

	mu      sync.Mutex
	pending map[net.Conn]netip.Addr // and the networks of their clients
	of      map[netip.Addr]int      // how many there are of each network
	closed  bool
	told    time.Time
	untold  int
	running sync.WaitGroup
}

func newHandshakes(o *Options) *handshakes {
	return &handshakes{
		o: o, hands: make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2)), pending: map[net.Conn]netip.Addr{}, of: map[netip.Addr]int{},
	}
}

// begin begins one with a client, and has it be served when that is over. Where there are too many, the client is closed.
func (h *handshakes) begin(nc net.Conn, config *tls.Config, serve func(net.Conn)) {
	if !h.enter(nc) {
		_ = nc.Close()
		h.tell(nc, stats.TLSTooMany, "there are too many at one time")
		return
	}
	h.running.Go(func() {
		h.o.guard(nil, func() {
			ended := false
			defer func() { // also of what panics
				if h.leave(nc); !ended {
					_ = nc.Close()
				}
			}()
			secure, err := h.shake(nc, config)
			switch {
			case err != nil && !h.isClosed():
				h.tell(nc, failureOf(err), err.Error())
			case err == nil && h.leave(nc):
				ended = true
				serve(secure)
			}
		})
	})
}

// shake makes the handshake.
func (h *handshakes) shake(nc net.Conn, config *tls.Config) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), handshakeTime)
	defer cancel()
	_ = nc.SetDeadline(time.Now().Add(handshakeTime)) // or a call fails at once
	paced := &paced{Conn: nc, hands: h.hands, late: ctx.Done()}
	plug := socket.NewPlug(paced)
	secure := tls.Server(plug, config)
	defer paced.rest()
	if err := paced.work(); err != nil {
		return nil, err
	}
	if err := secure.HandshakeContext(context.Background()); err != nil {
		return nil, err
	}
	plug.Conn = nc
	return secure, nc.SetDeadline(time.Time{})
}

// enter takes a place, if there is one.
func (h *handshakes) enter(nc net.Conn) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	from := networkOf(nc)
	if h.closed || len(h.pending) >= maxHandshakes || h.of[from] >= maxFromOne {
		return false
	}
	h.pending[nc] = from
	h.of[from]++
	return true
}

// leave gives a place back. It reports false if the server has ended meanwhile, or the place is given back.
func (h *handshakes) leave(nc net.Conn) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	from, there := h.pending[nc]
	if !there {
		return false
	}
	delete(h.pending, nc)
	if h.of[from]--; h.of[from] == 0 {
		delete(h.of, from)
	}
	return !h.closed
}

func (h *handshakes) isClosed() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.closed
}

// close ends those that are not over, and waits for that.
func (h *handshakes) close() {
	h.mu.Lock()
	h.closed = true
	for nc := range h.pending {
		_ = nc.Close()
	}
	h.mu.Unlock()
	h.running.Wait()
}

// tell counts that a handshake has failed, and logs it unless that was done a moment ago.
func (h *handshakes) tell(nc net.Conn, f stats.TLSFailure, why string) {
	h.o.HandshakeFailed(f)
	if others, due := h.count(); due {
		h.o.Log.Warn("a client has not come through the handshake of TLS", "client", nc.RemoteAddr(), "error", why[:min(len(why), maxTold)], "suppressed", others)
	}
}

// count counts a handshake that has failed. It reports whether that is to be told of, and how many before it were not.
func (h *handshakes) count() (others int, due bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	if now.Sub(h.told) < tellEvery {
		h.untold++
		return 0, false
	}
	others = h.untold
	h.told, h.untold = now, 0
	return others, true
}

func networkOf(nc net.Conn) netip.Addr {
	at, err := netip.ParseAddrPort(nc.RemoteAddr().String())
	if err != nil {
		return netip.Addr{}
	}
	return login.Network(at.Addr())
}

// paced is a connection during whose calls somebody else may compute.
type paced struct {
	net.Conn

	hands chan struct{}
	late  <-chan struct{}
	works bool
}

// Read implements net.Conn.
func (p *paced) Read(b []byte) (int, error) { return p.wait(p.Conn.Read, b) }

// Write implements net.Conn.
func (p *paced) Write(b []byte) (int, error) { return p.wait(p.Conn.Write, b) }

// wait makes a call that may wait, without a hand.
func (p *paced) wait(call func([]byte) (int, error), b []byte) (int, error) {
	p.rest()
	n, err := call(b)
	if e := p.work(); e != nil && err == nil {
		err = e
	}
	return n, err
}

// work waits for a hand.
func (p *paced) work() error {
	select {
	case p.hands <- struct{}{}:
		p.works = true
		return nil
	case <-p.late:
		return context.DeadlineExceeded
	}
}

// rest gives the hand back.
func (p *paced) rest() {
	if p.works {
		p.works = false
		<-p.hands
	}
}
