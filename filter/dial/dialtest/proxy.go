package dialtest

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
)

// Header is what the PROXY protocol says of a connection.
type Header struct {
	Raw      []byte
	From, To netip.AddrPort
}

// Proxy listens on a Unix domain socket, as a listener of Envoy's does. Its methods may be called from any goroutine.
type Proxy struct {
	listener net.Listener
	connect  func(to netip.AddrPort) (net.Conn, error)
	work     sync.WaitGroup

	mu      sync.Mutex
	headers []Header
	faults  []error
	conns   map[net.Conn]bool // nil: closed
}

// Listen plays a proxy at a socket, a path or @ and a name, until the test ends. What comes behind a header goes on to where connect
// connects; nil connects to where the header says.
func Listen(tb testing.TB, socket string, connect func(to netip.AddrPort) (net.Conn, error)) *Proxy {
	tb.Helper()
	if connect == nil {
		connect = func(to netip.AddrPort) (net.Conn, error) {
			return new(net.Dialer).DialContext(context.Background(), "tcp", to.String())
		}
	}
	l, err := new(net.ListenConfig).Listen(context.Background(), "unix", socket)
	if err != nil {
		tb.Fatal(err)
	}
	p := &Proxy{listener: l, connect: connect, conns: map[net.Conn]bool{}}
	p.work.Go(p.accept)
	tb.Cleanup(func() {
		p.Close()
		for _, err := range p.faults {
			tb.Errorf("the proxy at %s: %v", socket, err)
		}
	})
	return p
}

// Close ends it, and its connections.
func (p *Proxy) Close() {
	_ = p.listener.Close()
	p.mu.Lock()
	conns := p.conns
	p.conns = nil
	p.mu.Unlock()
	for c := range conns {
		_ = c.Close()
	}
	p.work.Wait()
}

// Headers are those that have come so far, in their order.
func (p *Proxy) Headers() []Header {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]Header(nil), p.headers...)
}

func (p *Proxy) accept() {
	for {
		conn, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.work.Go(func() { p.serve(conn) })
	}
}

// keep takes note of a connection, which it closes if the proxy is closed.
func (p *Proxy) keep(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.conns == nil {
		_ = c.Close()
		return false
	}
	p.conns[c] = true
	return true
}

func (p *Proxy) serve(client net.Conn) {
	if !p.keep(client) {
		return
	}
	defer client.Close() //nolint:errcheck // it has served
	header, err := ReadHeader(client)
	p.mu.Lock()
	switch {
	case err == nil:
		p.headers = append(p.headers, header)
	case p.conns != nil:
		p.faults = append(p.faults, err)
	}
	p.mu.Unlock()
	if err != nil {
		return
	}
	broker, err := p.connect(header.To)
	if err != nil || !p.keep(broker) {
		return
	}
	var both sync.WaitGroup
	both.Go(func() { pass(broker, client) })
	pass(client, broker)
	both.Wait()
}

// pass passes on what comes, and that it has ended.
func pass(to, from net.Conn) {
	_, _ = io.Copy(to, from)
	if half, ok := to.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
}

// ReadHeader reads a header of version 2 of the PROXY protocol, of a connection over TCP, and nothing behind it.
func ReadHeader(r io.Reader) (h Header, err error) {
	const size = 16
	start := make([]byte, size)
	if _, err := io.ReadFull(r, start); err != nil {
		return h, fmt.Errorf("read the beginning of a header: %w", err)
	}
	if !bytes.Equal(start[:12], []byte{0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a}) || start[12] != 0x21 {
		return h, fmt.Errorf("% x is not how a header begins", start)
	}
	width := map[byte]int{0x11: 4, 0x21: 16}[start[13]]
	rest := make([]byte, binary.BigEndian.Uint16(start[14:]))
	if width == 0 || len(rest) != 2*width+4 {
		return h, fmt.Errorf("family and transport %#x with %d bytes behind", start[13], len(rest))
	}
	if _, err := io.ReadFull(r, rest); err != nil {
		return h, fmt.Errorf("read the addresses of a header: %w", err)
	}
	from, _ := netip.AddrFromSlice(rest[:width])
	to, _ := netip.AddrFromSlice(rest[width : 2*width])
	h.Raw = slices.Concat(start, rest)
	h.From = netip.AddrPortFrom(from, binary.BigEndian.Uint16(rest[2*width:]))
	h.To = netip.AddrPortFrom(to, binary.BigEndian.Uint16(rest[2*width+2:]))
	return h, nil
}
