//go:build linux

package socket_test

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/socket"
	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// The kernel says what a peer has not read, of connections of any kind, and nothing of those that it does not know.
func TestUnread(t *testing.T) {
	t.Parallel()
	for _, addr := range []string{"127.0.0.1:0", "[::1]:0", "[::]:0"} {
		t.Run(addr, func(t *testing.T) {
			t.Parallel()
			near, far := connected(t, addr)
			local, remote := addrOf(near.LocalAddr()), addrOf(near.RemoteAddr())
			if n, ok := socket.Unread(local, remote); n != 0 || !ok {
				t.Errorf("before anything is written: %d, %t; want 0, true", n, ok)
			}
			if n, ok := socket.Unread(local, netip.AddrPortFrom(remote.Addr(), 1)); ok {
				t.Errorf("of another connection: %d, want nothing", n)
			}
			written := fill(t, near)
			if n, ok := socket.Unread(local, remote); n == 0 || n > written || !ok {
				t.Errorf("of %d bytes that are not read: %d, %t", written, n, ok)
			}
			if _, err := io.CopyN(io.Discard, far, int64(written)); err != nil {
				t.Fatal(err)
			}
			for n, ok := socket.Unread(local, remote); n > 0 && ok; n, ok = socket.Unread(local, remote) {
				if t.Context().Err() != nil {
					t.Fatalf("%d bytes when all is read", n)
				}
			}
		})
	}
}

// connected is a connection of this machine's own, at the end that has accepted it, and at the other.
func connected(t *testing.T, addr string) (near, far net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		stack.Missing(t, "no such address here: %v", err)
	}
	defer func() { _ = l.Close() }()
	to := l.Addr().String()
	if addr == "[::]:0" { // of IPv4 on a socket of both kinds
		to = fmt.Sprint("127.0.0.1:", addrOf(l.Addr()).Port())
	}
	if far, err = net.Dial("tcp", to); err != nil {
		t.Fatal(err)
	}
	if near, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = near.Close(), far.Close() })
	return near, far
}

// fill writes until nothing more is taken, and returns how much was.
func fill(t *testing.T, c net.Conn) (n int) {
	t.Helper()
	chunk := make([]byte, 1<<20)
	for {
		if err := c.SetWriteDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		k, err := c.Write(chunk)
		if n += k; err != nil {
			return n
		}
	}
}

func addrOf(a net.Addr) netip.AddrPort { return netip.MustParseAddrPort(a.String()) }
