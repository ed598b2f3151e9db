package tcp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/loop"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/session"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats"
)

const (
	// defaultGrace is how long Serve waits for answers when it stops.
	defaultGrace = 10 * time.Second
	// youth is how old a connection has to be to be ended. franz-go, for one, takes a connection that ends before its first
	// answer for a refusal, and fails the records that are waiting.
	youth = time.Second
	// Accept fails when the process is out of file descriptors; it is tried again after a pause that doubles.
	minAcceptPause = 5 * time.Millisecond
	maxAcceptPause = time.Second
)

// Session is one client's connection as the engine sees it. The server makes one call at a time.
type Session interface { //nolint:interfacebloat // all that can happen to a connection
	// Certified says, before the first Data, what is in the certificate that the client has shown: the first of its names as URI and for DNS,
	// and its subject. All is empty if it has shown none. It is not called where there is no TLS.
	Certified(uri, dns, subject string)
	// Data takes what the client sent. It does not keep p.
	Data(p []byte)
	// Fill has read take what the client sends where it belongs. It reports false if that is not possible: then it is for Data.
	Fill(read func(p []byte) (n int)) bool
	// End says that no more will come. The session closes its Conn once everything is answered.
	End()
	// HungUp says, before End or Closed, that it is the host that ends the connection.
	HungUp()
	// Congested says that the client reads slower than it is answered, or no longer so.
	Congested(on bool)
	// Closed says that the connection is gone. It is the last call, and made once.
	Closed()
}

// Options is what a Server is made from.
type Options struct {
	// Open starts a session, which answers on c.
	Open func(worker int, p session.Peer, c session.Conn) Session
	Log  *slog.Logger
	// Panicked is told of each panic that a connection met; nil: nobody is. It has been logged, and the connection is being closed.
	Panicked func()
	// Loops serve the connections, which are dealt to them in turn. The number of one is what Open is told: each worker has its own
	// connections to every broker and its own queues.
	Loops []*loop.Loop
	// Grace bounds the wait for answers when Serve stops; 0 is 10 seconds.
	Grace time.Duration
	// HandshakeFailed is told of each handshake of TLS that has failed, and why; nil: nobody is.
	HandshakeFailed func(stats.TLSFailure)
	// TLS says whether a connection that has just been accepted is to speak TLS, and by which configuration; without one that can be used
	// (nil) it is closed. A nil func: none speaks TLS.
	TLS func() (config *tls.Config, speaks bool)
}

// Server serves clients on plain listeners. New makes one; any goroutine may use it.
type Server struct {
	o          Options
	conns      conns
	handshakes *handshakes
}

// New makes a server.
func New(o Options) *Server {
	if o.Grace == 0 {
		o.Grace = defaultGrace
	}
	if o.HandshakeFailed == nil {
		o.HandshakeFailed = func(stats.TLSFailure) {}
	}
	if o.TLS == nil {
		o.TLS = func() (*tls.Config, bool) { return nil, false }
	}
	s := &Server{o: o, conns: conns{open: map[*conn]struct{}{}}}
	s.handshakes = newHandshakes(&s.o)
	return s
}

// Serve accepts clients on l until ctx is done. Then it closes l, ends every session as if its client had sent all it
// had, and returns nil when their answers have left, at the latest after Options.Grace.
//
// It returns an error only when l fails for good. In any case l and all its connections are closed. It may be called once.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	stop := context.AfterFunc(ctx, func() { s.o.guard(nil, func() { _ = l.Close() }) })
	defer stop()
	err := s.accept(ctx, l)
	_ = l.Close()
	s.handshakes.close()
	s.Drain()
	return err
}

// Drain ends the sessions that are open now, as if their clients had sent all they had, and returns when their answers have
// left, at the latest after Options.Grace. New connections are accepted meanwhile.
func (s *Server) Drain() { s.conns.stop(&s.o) }

func (s *Server) accept(ctx context.Context, l net.Listener) error {
	pause := minAcceptPause
	for n := 0; ; {
		nc, err := l.Accept()
		switch {
		case err == nil:
			worker := n % len(s.o.Loops)
			n++
			pause = minAcceptPause
			s.o.guard(nil, func() { s.take(nc, worker) })
			continue
		case ctx.Err() != nil:
			return nil //nolint:nilerr // stopping is what closed the listener
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("accept on %s: %w", l.Addr(), err)
		}
		s.o.Log.Warn("cannot accept connections", "error", err, "after", pause)
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
		pause = min(2*pause, maxAcceptPause)
	}
}

// take has a worker serve a connection, once it has TLS if it is to have that.
func (s *Server) take(nc net.Conn, worker int) {
	serve := func(nc net.Conn) {
		s.conns.start(newConn(nc, s.o.Loops[worker], &s.o), func(p session.Peer, c session.Conn) Session { return s.o.Open(worker, p, c) })
	}
	switch config, speaks := s.o.TLS(); {
	case !speaks:
		serve(nc)
	case config == nil:
		_ = nc.Close()
		s.handshakes.tell(nc, stats.TLSNoCertificate, "there is no certificate that can be shown")
	default:
		s.handshakes.begin(nc, config, serve)
	}
}

// conns is the connections of one listener.
type conns struct {
	mu   sync.Mutex
	open map[*conn]struct{}
}

func (cs *conns) start(c *conn, open func(session.Peer, session.Conn) Session) {
	c.gone = func() { cs.forget(c) }
	cs.mu.Lock()
	defer cs.mu.Unlock()
	cs.open[c] = struct{}{}
	c.loop.Post(func() { c.o.guard(c, func() { c.start(open) }) })
}

func (cs *conns) forget(c *conn) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	delete(cs.open, c)
}

// stop has the connections that are open now end, and ends those that are left after o.Grace.
func (cs *conns) stop(o *Options) {
	cs.mu.Lock()
	open := slices.Collect(maps.Keys(cs.open))
	cs.mu.Unlock()
	for _, c := range open {
		if wait := youth - time.Since(c.began); wait > 0 {
			defer time.AfterFunc(wait, func() { o.guard(c, c.end) }).Stop()
		} else {
			c.end()
		}
	}
	late := time.AfterFunc(o.Grace, func() { o.guard(nil, func() { abortAll(open) }) })
	for _, c := range open {
		<-c.done
	}
	late.Stop()
}

func abortAll(conns []*conn) {
	for _, c := range conns {
		c.o.guard(c, c.Abort)
	}
}
