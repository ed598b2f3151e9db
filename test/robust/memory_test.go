package robust

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

const mib = 1 << 20

// The limits of the memory tests: small, so that many clients reach them with what a test can send.
const (
	requestLimit    = 4 * mib
	connectionLimit = 2 * mib
	workerLimit     = 16 * mib
)

// memoryBound is what the mesh's memory may grow by, whatever its clients do.
//
// What a worker's clients hold is up to four and a half times its limit and one request (docs/configuration.md); a buffer that grows
// is there twice for a moment; Go's collector runs when the heap has doubled, and not before there are 32 MiB of garbage. What a host
// reads in one go (Envoy: 1 MiB) and answers that a client does not read come on top: perClient.
func memoryBound(h *host, clients int, perClient int64) int64 {
	const worst, garbage = 9*workerLimit/2 + 2*requestLimit, 32 * mib
	return int64(h.workers)*worst*2 + garbage + int64(clients)*perClient
}

// TestMemoryStaysBounded has many clients do their worst. Memory stays bounded, and the canary sings.
func TestMemoryStaysBounded(t *testing.T) {
	for _, c := range []struct {
		name      string
		clients   int
		perClient int64
		behave    func(*patient)
	}{
		{"requests that never end", 200, 64 << 10, neverEnd},
		{"requests to a stalled broker", 150, 64 << 10, keepProducing},
		{"a thousand clients of a stalled broker", 1000, 64 << 10, keepProducing},
		{"message sets to a stalled broker", 300, 64 << 10, keepProducingSets},
		{"answers that are never read", 60, 3 * mib, neverRead},
	} {
		t.Run(c.name, func(t *testing.T) {
			eachHost(t, func(t *testing.T, name string) {
				t.Helper()
				apples := stack.Fake(t, stack.FakeOptions{})
				bananas, release := stalled(t)
				h := startHost(t, name, apples.Addr(), bananas.Addr(), map[string]int64{
					"max_request_bytes": requestLimit, "max_in_flight_bytes_per_connection": connectionLimit,
					"max_in_flight_bytes_per_worker": workerLimit, "partial_request_timeout_ms": 2000,
				})
				bird := startCanary(t, h.addr, "apples-canary")
				before := rss(t, h)
				crowd := start(t, h.addr, c.clients, c.behave)
				peak := watch(t, h, 3*time.Second)
				crowd.stop()
				release()
				bird.finish(t)
				bound := memoryBound(h, c.clients, c.perClient)
				t.Logf("%d clients sent %d MiB and were disconnected %d times: memory grew by %d MiB from %d, bound %d", c.clients,
					crowd.sent.Load()/mib, crowd.lost.Load(), (peak-before)/mib, before/mib, bound/mib)
				if peak-before > bound {
					t.Errorf("memory grew by %d MiB, the bound is %d", (peak-before)/mib, bound/mib)
				}
				dial(t, h.addr).WantServed()
				t.Logf("closed: %v", h.violations(t))
			})
		})
	}
}

// neverEnd announces a large request, sends all of it but the last byte, and waits.
func neverEnd(p *patient) {
	rest := announce(requestLimit, requestLimit-1)
	for len(rest) > 0 {
		n := min(64<<10, len(rest))
		if p.write(rest[:n]) != nil {
			return
		}
		rest = rest[n:]
	}
	p.waitClosed()
}

// keepProducing sends requests of 1 MiB to a broker that does not answer, for as long as the facade takes them.
func keepProducing(p *patient) {
	frame := produce(1, "bananas", mib)
	for err := error(nil); err == nil; {
		err = p.write(frame)
	}
}

// keepProducingSets is keepProducing with requests as producers before Kafka 0.11 sent them: what is forwarded has to be made anew.
func keepProducingSets(p *patient) {
	set := messageSet(make([]byte, mib))
	frame := request(wire.KeyProduce, 2, i16(-1), i32(60_000), i32(1), str("bananas"), i32(1), i32(0), i32(int32(len(set))), set)
	for err := error(nil); err == nil; {
		err = p.write(frame)
	}
}

// messageSet is one message of magic 0.
func messageSet(value []byte) []byte {
	message := slices.Concat([]byte{0, 0}, i32(-1), i32(int32(len(value))), value) // magic, attributes, no key
	message = slices.Concat(i32(int32(crc32.ChecksumIEEE(message))), message)
	return slices.Concat(make([]byte, 8), i32(int32(len(message))), message)
}

// neverRead asks for all topics again and again, and reads no answer.
func neverRead(p *patient) {
	frames := times(50, metadataOfAll())
	for err := error(nil); err == nil; {
		err = p.write(frames)
	}
}

// stalled is a cluster with some hundred topics, and a broker that answers no Produce until it is released.
func stalled(t *testing.T) (cluster *stack.FakeCluster, release func()) {
	t.Helper()
	names := []string{"bananas"}
	for i := range 200 {
		names = append(names, fmt.Sprintf("bananas-%d", i))
	}
	cluster = stack.Fake(t, stack.FakeOptions{More: []kfake.Opt{kfake.SeedTopics(1, names...)}})
	gate := make(chan struct{})
	cluster.ControlKey(int16(wire.KeyProduce), func(kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		cluster.SleepControl(func() { <-gate })
		return nil, nil, false
	})
	release = sync.OnceFunc(func() { close(gate) })
	t.Cleanup(release) // before the cluster is closed
	return cluster, release
}

// crowd is clients that all do the same, and come back when they are disconnected.
type crowd struct {
	sent, lost atomic.Int64
	ctx        context.Context //nolint:containedctx // as long as the crowd lives
	cancel     context.CancelFunc
	wg         sync.WaitGroup
}

// patient is one connection of a crowd's client.
type patient struct {
	crowd *crowd
	conn  net.Conn
}

func start(t *testing.T, addr string, clients int, behave func(*patient)) *crowd {
	t.Helper()
	c := &crowd{}
	c.ctx, c.cancel = context.WithCancel(t.Context())
	for range clients {
		c.wg.Go(func() { c.live(addr, behave) })
	}
	t.Cleanup(c.stop)
	return c
}

func (c *crowd) live(addr string, behave func(*patient)) {
	for c.ctx.Err() == nil {
		conn, err := (&net.Dialer{}).DialContext(c.ctx, "tcp", addr)
		if err == nil {
			stop := context.AfterFunc(c.ctx, func() { _ = conn.Close() })
			behave(&patient{c, conn})
			stop()
			_ = conn.Close()
			c.lost.Add(1)
		}
		select {
		case <-c.ctx.Done():
		case <-time.After(300 * time.Millisecond):
		}
	}
}

func (p *patient) write(b []byte) error {
	n, err := p.conn.Write(b)
	p.crowd.sent.Add(int64(n))
	return err
}

func (p *patient) waitClosed() { _, _ = io.Copy(io.Discard, p.conn) }

// stop ends the clients.
func (c *crowd) stop() {
	c.cancel()
	c.wg.Wait()
}

// watch gives the most memory that the process has had.
func watch(t *testing.T, h *host, d time.Duration) (peak int64) {
	t.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		peak = max(peak, rss(t, h))
	}
	return peak
}

func rss(t *testing.T, h *host) int64 {
	t.Helper()
	n, err := h.RSS()
	if err != nil {
		t.Fatal(errors.Join(err, os.ErrProcessDone))
	}
	return n
}
