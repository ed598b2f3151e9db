package filter_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
)

// TestHammerLimits has many clients, each on a goroutine of its own, reach every limit at once; some leave in the middle.
// Whoever stays gets all answers, and nobody is left paused.
func TestHammerLimits(t *testing.T) {
	t.Parallel()
	const limits = "max_request_bytes: 1048576, max_in_flight_bytes_per_connection: 262144, " +
		"max_in_flight_bytes_per_worker: 1048576, max_in_flight_requests_per_connection: 4"
	log := fmt.Sprintf("\naccess_log: {path: %q, share: 0.5, failures: true}\n", filepath.Join(t.TempDir(), "access.log"))
	withMesh(t, limited(limits)+log, func(m *mesh) {
		var wg sync.WaitGroup
		for i := range uint64(30) {
			wg.Go(func() { hammer(t, m, rand.New(rand.NewPCG(i, 1)), i%5 == 0) })
		}
		wg.Wait()
		for n := range 20 {
			m.c1.Stall(1, n%2 == 0)
			synctest.Wait()
		}
	})
}

func hammer(t *testing.T, m *mesh, rnd *rand.Rand, leaves bool) {
	t.Helper()
	c := m.connect()
	c.limit = 1 << 30
	const requests = 8
	sent := 0
	for ; sent < requests; sent++ {
		request := sized(int32(sent), rnd.IntN(256<<10))
		for len(request) > 0 {
			if leaves && rnd.IntN(200) == 0 {
				c.leave()
				return
			}
			if !c.wait() {
				return // evicted, as may happen
			}
			request = request[c.push(rnd, request):]
		}
	}
	ids, ok := c.waitAnswers(requests)
	if !ok {
		t.Errorf("%d answers to %d requests", len(ids), requests)
	}
	c.leave()
}

// leave ends the connection as a host does that wants to know what its requests came to.
func (c *client) leave() {
	c.session.TellHost(new(told))
	c.session.Closed()
}
