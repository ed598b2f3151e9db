package robust

import (
	"crypto/tls"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/test/rawkafka"
	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// closing is what ends a connection, and the reason that is counted.
var closing = []struct {
	name, reason string
	bytes        []byte
}{
	{"length minus one", "negative_length", i32(-1)},
	{"length of half the world", "negative_length", i32(-1 << 31)},
	{"length one over the limit", "oversized_frame", i32(104857601)},
	{"largest length", "oversized_frame", i32(1<<31 - 1)},
	{"text", "oversized_frame", []byte("hello, is this Kafka?\r\n")},
	{"SSH", "oversized_frame", []byte("SSH-2.0-OpenSSH_9.2\r\n")},
	{"HTTP/2", "http_request", []byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")},
	{"no header", "malformed_header", i32(0)},
	{"client id beyond the frame", "malformed_header", rawkafka.Framed([]byte{0, 3, 0, 1, 0, 0, 0, 1, 0x7f, 0xff, 'x'})},
	{"tagged fields beyond the frame", "malformed_header", request(wire.KeyMetadata, 9, []byte{0xff, 0xff, 0xff, 0xff, 0x0f})},
	{"unknown API", "unknown_api", request(71, 0)},
	{"negative API", "unknown_api", request(-1, 0)},
	{"newer version", "unsupported_version", request(wire.KeyProduce, 13)},
	{"negative version", "unsupported_version", request(wire.KeyMetadata, -1)},
	{"two thousand million topics", "malformed_body", request(wire.KeyMetadata, 1, i32(1<<31-1))},
	{"two thousand million topics, compact", "malformed_body", request(wire.KeyMetadata, 9, []byte{0, 0xff, 0xff, 0xff, 0xff, 0x07})},
	{"topic name beyond the frame", "malformed_body", request(wire.KeyMetadata, 1, i32(1), i16(1<<15-1), []byte("x"))},
	{"no body", "malformed_body", request(wire.KeyProduce, 8)},
	{"two thousand million partitions", "malformed_body", produceApples(i32(1<<31 - 1))},
	{"records beyond the frame", "malformed_body", produceApples(i32(1), i32(0), i32(1<<31-1))},
	{"records cut short", "malformed_body", produceApples(i32(1), i32(0), i32(100), make([]byte, 99))},
	{
		"100,001 partitions", "too_many_partitions",
		produceApples(i32(100_000), times(100_000, []byte{0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff})),
	},
	{"Metadata of 2 MiB", "request_too_large", request(wire.KeyMetadata, 1, i32(70), times(70, str(strings.Repeat("a", 30_000))))},
}

// produceApples is a Produce v3 with one topic, whose partitions follow.
func produceApples(partitions ...[]byte) []byte {
	head := [][]byte{i16(-1), i16(-1), i32(1000), i32(1), str("apples")} // no transaction, acks=all, time-out
	return request(wire.KeyProduce, 3, append(head, partitions...)...)
}

// TestBadInputClosesAndIsCounted sends everything that is no Kafka, or a lie, and counts what comes of it.
func TestBadInputClosesAndIsCounted(t *testing.T) {
	broker := stack.Fake(t, stack.FakeOptions{})
	limits := map[string]int64{"partial_request_timeout_ms": partialTimeout.Milliseconds()}
	onEachHost(t, broker.Addr(), broker.Addr(), limits, func(t *testing.T, h *host) {
		t.Helper()
		bird := startCanary(t, h.addr, "apples-canary")
		want := map[string]int64{}
		for _, c := range closing {
			p := dial(t, h.addr)
			p.SendBytes(apiVersions(), c.bytes)
			p.ReceiveFrame() // what came before is answered
			p.WantClosed()
			want[c.reason]++
		}
		want["tls_handshake"]++
		local := tryTLS(t, h.addr)
		wantLogged(t, h, local, "TLS ClientHello")
		want["http_request"]++
		local = tryHTTP(t, h.addr)
		wantLogged(t, h, local, `HTTP (\"GET `)
		want["slow_request"] += 2
		closed := tryHalfOpen(t, h.addr)
		trySlow(t, h.addr)
		closed()
		bird.finish(t)
		if d := cmp.Diff(want, h.violations(t)); d != "" {
			t.Errorf("violations (-want +got):\n%s", d)
		}
	})
}

// tryTLS is a client that was told to use TLS, and tells its address.
func tryTLS(t *testing.T, addr string) string {
	t.Helper()
	p := dial(t, addr)
	if err := tls.Client(p, &tls.Config{InsecureSkipVerify: true}).HandshakeContext(t.Context()); err == nil {
		t.Error("TLS was spoken")
	}
	return p.LocalAddr().String()
}

// tryHTTP is a health check that was told the wrong port.
func tryHTTP(t *testing.T, addr string) string {
	t.Helper()
	p := dial(t, addr)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+addr+"/healthz", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if err := req.Write(p); err != nil {
		t.Fatal(err)
	}
	p.WantClosed()
	return p.LocalAddr().String()
}

// wantLogged checks that the log names a client and what it did in one line.
func wantLogged(t *testing.T, h *host, client, what string) {
	t.Helper()
	if err := h.WaitLog(t.Context(), client); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(h.Log()) {
		if strings.Contains(line, client) && strings.Contains(strings.ReplaceAll(line, `\\`, ``), what) {
			return
		}
	}
	t.Errorf("no line of the log names %s and %s", client, what)
}

// tryHalfOpen is two clients that vanish: one in the middle of a request, one in the middle of its length.
func tryHalfOpen(t *testing.T, addr string) (closed func()) {
	t.Helper()
	middle, length := dial(t, addr), dial(t, addr)
	middle.SendBytes(announce(1000, 500))
	length.SendBytes([]byte{0, 0})
	return func() {
		middle.WantClosed()
		length.WantClosed()
	}
}

// partialTimeout is how long a request that has begun to arrive may stand still.
const partialTimeout = time.Second

// trySlow is a client that sends a request byte by byte, for as long as one that is silent would not be served.
func trySlow(t *testing.T, addr string) {
	t.Helper()
	p := dial(t, addr)
	for _, b := range apiVersions() {
		p.SendBytes([]byte{b})
		time.Sleep(partialTimeout / 20)
	}
	p.ReceiveFrame()
	time.Sleep(partialTimeout * 3 / 2) // silent, but between requests
	p.WantServed()
}

// TestConcurrentBadInputClosesAndIsCounted sends all of it from many connections at the same time, for a while.
func TestConcurrentBadInputClosesAndIsCounted(t *testing.T) {
	const clients, rounds = 8, 5
	broker := stack.Fake(t, stack.FakeOptions{})
	onEachHost(t, broker.Addr(), broker.Addr(), nil, func(t *testing.T, h *host) {
		t.Helper()
		bird := startCanary(t, h.addr, "apples-canary")
		want := map[string]int64{}
		t.Run("clients", func(t *testing.T) {
			for i := range clients {
				t.Run(strconv.Itoa(i), func(t *testing.T) {
					t.Parallel()
					for range rounds {
						for _, c := range closing {
							p := dial(t, h.addr)
							p.SendBytes(c.bytes)
							p.WantClosed()
							_ = p.Close() // the facade has
						}
					}
				})
			}
		})
		for _, c := range closing {
			want[c.reason] += clients * rounds
		}
		bird.finish(t)
		if got := h.violations(t); !maps.Equal(got, want) {
			t.Errorf("violations (-want +got):\n%s", cmp.Diff(want, got))
		}
	})
}
