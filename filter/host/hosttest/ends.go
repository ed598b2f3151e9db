package hosttest

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/test/rawkafka"
)

// quick is limits that end a client within seconds.
const quick = `{"connections_max_idle_ms": 2000, "partial_request_timeout_ms": 2000}`

// ends has clients that do not do their part. Each has its connection taken away, in the time that docs/operations.md has for
// it, and nobody else notices.
func ends(t *testing.T, h Host) {
	t.Helper()
	for _, tt := range []struct {
		name, limits string
		behave       func(c client)
	}{
		{"does not send", quick, func(client) {}},
		{"sends half a length", quick, func(c client) { c.SendBytes([]byte{0, 0}) }},
		{"sends half a request", quick, func(c client) { c.SendBytes(produce(1)[:50]) }},
		{"sends half a request after others", quick, func(c client) {
			c.SendBytes(slices.Concat(apiVersions(1), produce(2), produce(3)[:50]))
		}},
		{"does not read", quick, func(c client) { c.flood() }},
		{"does not read, and half-closes", quick, func(c client) { c.flood(); _ = c.CloseWrite() }},
		{"does not read, and is to be closed", "{}", func(c client) {
			c.SendBytes(slices.Concat(bytes.Repeat(metadata(1, hugeTopic), answersLeft), []byte("GET / HTTP/1.1")))
		}},
		{"does not go when it is closed", "{}", func(c client) {
			c.SendBytes(slices.Concat(apiVersions(1), []byte("GET / HTTP/1.1")))
		}},
		{"half-closes, and does not go", "{}", func(c client) {
			c.SendBytes(slices.Concat(apiVersions(1), produce(2)))
			_ = c.CloseWrite()
		}},
	} {
		t.Run("client that "+tt.name, func(t *testing.T) {
			t.Parallel()
			m := start(t, h, tt.limits)
			m.hello(t)
			c := m.dial(t)
			_ = c.SetReadBuffer(4 << 10)
			c.SendBytes(metadata(0, largeTopic))
			c.WantAnswer(0)
			if !c.held(t, m.addr) {
				t.Fatal("the host's end of the connection is not seen")
			}
			tt.behave(c)
			for begun := time.Now(); c.held(t, m.addr); {
				if time.Since(begun) > rawkafka.Patience {
					t.Fatalf("the host has kept the connection for %v", rawkafka.Patience)
				}
				time.Sleep(50 * time.Millisecond) //nolint:forbidigo // it looks again and again
			}
			m.hello(t)
		})
	}
}

// answersLeft is as many requests as a client may have in flight: their answers, all for the huge topic, are more than the kernel
// holds for a client that does not read. What comes behind them is looked at before they are written.
const answersLeft = 8

// flood sends requests with large answers for as long as they are taken.
func (c client) flood() {
	requests := bytes.Repeat(metadata(1, largeTopic), 20)
	for range 50 {
		_ = c.SetWriteDeadline(time.Now().Add(200 * time.Millisecond))
		if _, err := c.Write(requests); err != nil {
			return
		}
	}
}

// held reports whether the host at addr still has its end of the connection open, as /proc has it: what a process has closed has
// no inode, however long the kernel still tries to send what was left.
func (c client) held(t *testing.T, addr string) bool {
	t.Helper()
	text, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		t.Fatal(err)
	}
	host, peer := procAddr(netip.MustParseAddrPort(addr)), procAddr(netip.MustParseAddrPort(c.LocalAddr().String()))
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) > 9 && f[1] == host && f[2] == peer {
			return f[9] != "0"
		}
	}
	return false
}

// procAddr writes an address as /proc/net/tcp does: four bytes in the machine's order, and the port.
func procAddr(a netip.AddrPort) string {
	ip := a.Addr().As4()
	word := binary.BigEndian.AppendUint32(nil, binary.NativeEndian.Uint32(ip[:]))
	return fmt.Sprintf("%s:%04X", strings.ToUpper(hex.EncodeToString(word)), a.Port())
}
