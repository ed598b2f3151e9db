package robust

import (
	"io"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/kafkamesh/envoy-kafka-mesh/test/rawkafka"
	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// hostileTime is how long hostile clients are at it: HOSTILE_SECONDS, 3 if it is not set.
func hostileTime(t *testing.T) time.Duration {
	t.Helper()
	return time.Duration(stack.EnvInt(t, "HOSTILE_SECONDS", 3)) * time.Second
}

// TestHostileClientsFailNobodyElse has hostile clients do their worst to one mesh, while a second one beside it is left in
// peace. A canary in each tells what it costs: no record of the one may fail, and the log compares the times.
//
// Times are not asserted: both meshes, the clusters and the hostile clients share the machine. docs/operations.md has measured
// ones.
func TestHostileClientsFailNobodyElse(t *testing.T) {
	for _, c := range []struct {
		name    string
		clients int
		behave  func(*patient)
	}{
		{"random bytes", 16, sendNoise},
		{"requests with damage", 16, sendDamaged},
		{"ten thousand connections that send half a length", halfOpen(), sendHalf},
		{"requests of the largest size that are none", 4, sendLargestGarbage},
		{"answers that are never read", 60, neverRead},
		{"ten thousand requests in one write, read", 16, sendManyAndRead},
		{"ten thousand requests in one write, never read", 50, sendMany},
	} {
		t.Run(c.name, func(t *testing.T) {
			eachHost(t, func(t *testing.T, name string) {
				t.Helper()
				cluster := stack.Fake(t, stack.FakeOptions{More: []kfake.Opt{kfake.SeedTopics(200, "bananas")}})
				attacked := startHost(t, name, cluster.Addr(), cluster.Addr(), nil)
				peaceful := startHost(t, name, cluster.Addr(), cluster.Addr(), nil)
				bird, other := startCanary(t, attacked.addr, "apples-canary"), startCanary(t, peaceful.addr, "apples-other")
				crowd := start(t, attacked.addr, c.clients, c.behave)
				time.Sleep(hostileTime(t)) // as long as it is to go on
				bird.stop()
				other.stop()
				bird.finish(t)
				other.finish(t)
				crowd.stop()
				t.Logf("%d clients sent %d MiB and were disconnected %d times; the canary's 99th of 100 took %.1f times that of the other",
					c.clients, crowd.sent.Load()/mib, crowd.lost.Load(), float64(bird.quantile(0.99))/float64(other.quantile(0.99)))
				dial(t, attacked.addr).WantServed()
			})
		})
	}
}

// halfOpen is how many connections the test can hold: ten thousand, unless the system lets it have fewer.
func halfOpen() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 500
	}
	return min(10_000, int(limit.Cur)*3/4)
}

// sendNoise sends bytes that mean nothing. Few of them are read: the first four are a length.
func sendNoise(p *patient) {
	noise := make([]byte, 4<<10)
	for err := error(nil); err == nil; time.Sleep(time.Millisecond) { // or the test itself would take the processors
		for i := range noise {
			noise[i] = byte(rand.Uint32())
		}
		noise[0] = 0 // often a length that is allowed
		err = p.write(noise[:rand.IntN(len(noise))])
	}
}

// sendDamaged sends good requests with one byte changed.
func sendDamaged(p *patient) {
	kinds := [][]byte{apiVersions(), produce(1, "apples", 2000), metadataOfAll()}
	go p.waitClosed()
	for err := error(nil); err == nil; {
		frame := append([]byte(nil), kinds[rand.IntN(len(kinds))]...)
		time.Sleep(time.Millisecond) // as above
		frame[4+rand.IntN(len(frame)-4)] ^= 1 << rand.IntN(8)
		err = p.write(frame)
	}
}

func metadataOfAll() []byte { return rawkafka.Frame(clientID, 1, rawkafka.AllTopics()) }

// sendHalf sends half a length, and waits.
func sendHalf(p *patient) {
	if p.write([]byte{0, 0}) == nil {
		p.waitClosed()
	}
}

// sendLargestGarbage sends as much as a request may have, and nothing in it means anything.
func sendLargestGarbage(p *patient) {
	const size = 100 << 20
	frame := announce(size, 64<<10)
	for left := size; left > 0; left -= 64 << 10 {
		if p.write(frame) != nil {
			return
		}
		frame = frame[len(frame)-64<<10:]
	}
	p.waitClosed()
}

const manyRequests = 10_000

// sendMany writes many requests at once, again and again, and reads no answer.
func sendMany(p *patient) {
	requests := times(manyRequests, apiVersions())
	for err := error(nil); err == nil; {
		err = p.write(requests)
	}
}

// sendManyAndRead is sendMany with all answers read.
func sendManyAndRead(p *patient) {
	go func() { _, _ = io.Copy(io.Discard, p.conn) }()
	sendMany(p)
}
