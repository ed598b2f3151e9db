package dial_test

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/dial"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/dial/dialtest"
	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

var sockets atomic.Int32

// abstract is the name of a socket that nobody else has.
func abstract() string { return fmt.Sprintf("@kafkamesh-dial-test-%d-%d", os.Getpid(), sockets.Add(1)) }

// loopback plays a server on an address of this machine that returns what it is sent, and gives its address.
func echo(t *testing.T, host string) string {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		stack.Missing(t, "no server on %s: %v", host, err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = io.Copy(c, c)
				_ = c.Close()
			}()
		}
	}()
	return l.Addr().String()
}

// wantEcho sees that a connection leads to a server that returns what it is sent.
func wantEcho(t *testing.T, c net.Conn) {
	t.Helper()
	defer c.Close()
	_, err := io.WriteString(c, "hello")
	check(t, err)
	got := make([]byte, 5)
	if _, err := io.ReadFull(c, got); err != nil || string(got) != "hello" {
		t.Errorf("%q, %v; want hello", got, err)
	}
}

// A proxy is told by 28 bytes, or 52 for IPv6, which broker is meant; then the connection is the broker's.
func TestReentry(t *testing.T) {
	t.Parallel()
	for name, socket := range map[string]string{"abstract": abstract(), "path": filepath.Join(t.TempDir(), "mesh.sock")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			proxy := dialtest.Listen(t, socket, nil)
			for i, host := range []string{"127.0.0.1", "::1"} {
				addr := netip.MustParseAddrPort(echo(t, host))
				conn, err := dial.Socket{Reentry: socket, SendBuffer: 1 << 16, ReceiveBuffer: 1 << 16, Nagle: true, KeepAlive: true}.Dial(t.Context(), addr.String())
				check(t, err)
				if _, ok := conn.(*net.UnixConn); !ok {
					t.Errorf("the connection is a %T, which has no descriptor", conn)
				}
				wantEcho(t, conn)
				h := proxy.Headers()[i]
				if h.To != addr || h.From.Addr() != addr.Addr() || h.From.Port() == 0 {
					t.Errorf("from %s to %s, want from %[3]s to %[3]s", h.From, h.To, addr)
				}
				want := []string{"0d0a0d0a000d0a515549540a" + "2111000c" + "7f0000017f000001", "0d0a0d0a000d0a515549540a" + "21210024" + strings.Repeat("00000000000000000000000000000001", 2)}[i]
				ports := hex.EncodeToString(binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, h.From.Port()), addr.Port()))
				if got := hex.EncodeToString(h.Raw); got != want+ports || len(h.Raw) != []int{28, 52}[i] {
					t.Errorf("header %s, want %s", got, want+ports)
				}
			}
		})
	}
}

// A broker that this machine has no way to is connected to all the same: the proxy has one.
func TestReentryWithoutRoute(t *testing.T) {
	t.Parallel()
	socket, server := abstract(), echo(t, "127.0.0.1")
	proxy := dialtest.Listen(t, socket, func(netip.AddrPort) (net.Conn, error) { return net.Dial("tcp", server) })
	for i, addr := range []string{"255.255.255.254:9092", "[2001:db8::9]:9092"} {
		conn, err := dial.Socket{Reentry: socket}.Dial(t.Context(), addr)
		check(t, err)
		wantEcho(t, conn)
		if h := proxy.Headers()[i]; h.To.String() != addr || h.From.Addr().Is4() != h.To.Addr().Is4() {
			t.Errorf("from %s to %s, want to %s", h.From, h.To, addr)
		}
	}
}

// What is wrong with a socket is said in words that name it.
func TestSocketsThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	left, datagrams, full := filepath.Join(dir, "left"), filepath.Join(dir, "datagrams"), filepath.Join(dir, "full")
	check(t, os.WriteFile(left, nil, 0o600))
	packets, err := net.ListenPacket("unixgram", datagrams)
	check(t, err)
	defer packets.Close()
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	check(t, err)
	defer unix.Close(fd)
	check(t, unix.Bind(fd, &unix.SockaddrUnix{Name: full}))
	check(t, unix.Listen(fd, 0)) // and never accepts
	fill, err := dial.Socket{Reentry: full}.Dial(t.Context(), "127.0.0.1:1")
	check(t, err)
	defer fill.Close()
	nobody := abstract()
	for socket, want := range map[string]string{
		nobody:                       "nobody listens on the socket " + nobody + " of dial.proxy_protocol; Envoy needs a listener there",
		filepath.Join(dir, "nobody"): "there is no socket " + filepath.Join(dir, "nobody") + " of dial.proxy_protocol; Envoy needs",
		left:                         "nobody listens on the socket " + left,
		datagrams:                    "is no socket for connections",
		full:                         "has no room for a connection now",
	} {
		settings := dial.Settings{Socket: dial.Socket{Reentry: socket}}
		if _, err := settings.Socket.Dial(t.Context(), "127.0.0.1:9092"); err == nil || !strings.Contains(settings.Explain(err).Error(), want) {
			t.Errorf("%s: %v, want %q", socket, err, want)
		}
	}
}

// Names that only one DNS server knows are asked of it, on connections of both kinds.
func TestNamesOfADNSServer(t *testing.T) {
	t.Parallel()
	const name = "kafka.mesh.test"
	v4, v6 := netip.MustParseAddrPort(echo(t, "127.0.0.1")), netip.MustParseAddrPort(echo(t, "::1"))
	dns := dialtest.ServeDNS(t, map[string][]netip.Addr{
		"v4." + name: {v4.Addr()}, "v6." + name: {v6.Addr()}, "both." + name: {v4.Addr(), v6.Addr()},
	})
	socket := abstract()
	proxy := dialtest.Listen(t, socket, nil)
	for _, reentry := range []string{"", socket} {
		for _, tc := range []struct {
			host, family string
			want         netip.AddrPort
		}{
			{"v4." + name, "", v4},
			{"v6." + name, "", v6},
			{"both." + name, "tcp4", v4},
			{"both." + name, "tcp6", v6},
			{"127.0.0.1", "", v4},
			{"localhost", "tcp4", v4}, // which is in /etc/hosts
		} {
			before := len(proxy.Headers())
			conn, err := dial.Socket{Reentry: reentry, DNSServer: dns.Addr, Family: tc.family}.Dial(t.Context(), fmt.Sprintf("%s:%d", tc.host, tc.want.Port()))
			check(t, err)
			wantEcho(t, conn)
			if reentry != "" && proxy.Headers()[before].To != tc.want {
				t.Errorf("%s: to %s, want %s", tc.host, proxy.Headers()[before].To, tc.want)
			}
		}
	}
	if asked := strings.Join(dns.Asked(), " "); strings.Contains(asked, "localhost") || strings.Contains(asked, "127.0.0.1") {
		t.Errorf("the server was asked for %s", asked)
	}
	if got := (dial.Socket{DNSServer: dns.Addr, Canonical: true}).Resolve(t.Context(), "v4."+name+":9092"); len(got) != 1 {
		t.Errorf("canonical names %v", got)
	}
}

// Of several addresses any is taken, so that one that is down is not taken for ever; the kind is the first one's.
func TestReentryOfSeveralAddresses(t *testing.T) {
	t.Parallel()
	const name = "brokers.mesh.test"
	dns := dialtest.ServeDNS(t, map[string][]netip.Addr{name: {
		netip.MustParseAddr("10.9.9.1"), netip.MustParseAddr("10.9.9.2"), netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("10.9.9.3"),
	}})
	socket, server := abstract(), echo(t, "127.0.0.1")
	proxy := dialtest.Listen(t, socket, func(netip.AddrPort) (net.Conn, error) { return net.Dial("tcp", server) })
	taken := map[netip.Addr]bool{}
	for range 1000 {
		conn, err := dial.Socket{Reentry: socket, DNSServer: dns.Addr, Family: "tcp4"}.Dial(t.Context(), name+":9092")
		check(t, err)
		wantEcho(t, conn)
		headers := proxy.Headers()
		if taken[headers[len(headers)-1].To.Addr()] = true; len(taken) == 3 {
			return
		}
	}
	t.Errorf("only %v were taken", taken)
}

// What is wrong with names is said in words that name the server.
func TestNamesThatCannotBeResolved(t *testing.T) {
	t.Parallel()
	dns, deaf := dialtest.ServeDNS(t, nil), dialtest.ServeDNS(t, nil)
	deaf.Deafen()
	gone, err := net.ListenPacket("udp", "127.0.0.1:0")
	check(t, err)
	nobody := gone.LocalAddr().String()
	check(t, gone.Close())
	socket := abstract()
	dialtest.Listen(t, socket, nil)
	for server, want := range map[string]string{
		dns.Addr:  "the name kafka.mesh.test cannot be resolved: the DNS server " + dns.Addr + " does not know it",
		deaf.Addr: "the name kafka.mesh.test cannot be resolved: the DNS server " + deaf.Addr + " does not answer in time",
		nobody:    "the name kafka.mesh.test cannot be resolved: the DNS server " + nobody + " cannot be asked",
	} {
		for _, reentry := range []string{"", socket} {
			settings := dial.Settings{Socket: dial.Socket{DNSServer: server, Reentry: reentry}}
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			_, err := settings.Socket.Dial(ctx, "kafka.mesh.test:9092")
			cancel()
			if err == nil || !strings.Contains(settings.Explain(err).Error(), want) {
				t.Errorf("%v, want %q", settings.Explain(err), want)
			}
		}
	}
}

// Addresses that are none are refused, and nobody is told of them.
func TestReentryToNowhere(t *testing.T) {
	t.Parallel()
	socket := abstract()
	proxy := dialtest.Listen(t, socket, nil)
	for addr, family := range map[string]string{"kafka": "", "127.0.0.1:-1": "", "127.0.0.1:65536": "", "127.0.0.1:http": "", "127.0.0.1:9": "tcp6", "[::1]:9": "tcp4"} {
		if _, err := (dial.Socket{Reentry: socket, Family: family}).Dial(t.Context(), addr); err == nil {
			t.Errorf("%s %s: no error", family, addr)
		}
	}
	if n := len(proxy.Headers()); n > 0 {
		t.Errorf("the proxy was told of %d connections", n)
	}
}
