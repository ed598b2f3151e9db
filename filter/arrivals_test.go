package filter_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/test/bubble"
)

// Requests that arrive at the same time and need more memory than there is come in one after another.
func TestArrivalsFinishOneAfterAnother(t *testing.T) {
	t.Parallel()
	withMesh(t, limited("max_request_bytes: 1048576, max_in_flight_bytes_per_worker: 2097152"), func(m *mesh) {
		const n = 12 // of nearly 1 MiB, and 1 MiB may be held
		clients, left := make([]*client, n), make([][]byte, n)
		for i := range clients {
			clients[i], left[i] = m.connect(), sized(1, mib-4096)
		}
		for round := 0; len(left[0])+len(left[n-1]) > 0; round++ {
			if round > 1000 {
				t.Fatalf("stuck: %d bytes left of the first, %d of the last", len(left[0]), len(left[n-1]))
			}
			for i, c := range clients {
				if !c.isPaused() && len(left[i]) > 0 {
					k := min(16<<10, len(left[i]))
					c.session.Data(left[i][:k])
					left[i] = left[i][k:]
				}
			}
		}
		for i, c := range clients {
			c.wantOpen(fmt.Sprint("client ", i))
			c.wantAnswers(1)
			if c.isPaused() {
				t.Errorf("client %d is still paused", i)
			}
		}
		if got := m.metric("violations.memory_limit"); got != 0 {
			t.Errorf("violations.memory_limit = %d, want 0", got)
		}
	})
}

// Clients that all leave a request unfinished cost the worker's limit and not more, and only for their time.
func TestArrivalsOfSilentClients(t *testing.T) {
	t.Parallel()
	withMesh(t, limited("max_request_bytes: 8388608, max_in_flight_bytes_per_worker: 8388608"), func(m *mesh) {
		held := 0
		clients := make([]*client, 200)
		for i := range clients {
			c := m.connect()
			clients[i] = c
			for j := 0; j < 32 && !c.isPaused(); j++ { // 2 of 8 MiB
				if j == 0 {
					c.session.Data(announce(8*mib, 0))
				}
				c.session.Data(make([]byte, 64<<10))
			}
		}
		for _, c := range clients {
			if !c.isClosed() {
				held++
			}
		}
		if evicted := m.metric("violations.memory_limit"); evicted == 0 || held+int(evicted) != len(clients) {
			t.Errorf("%d of %d connections held, %d evicted", held, len(clients), evicted)
		}
		healthy := m.connect()
		healthy.session.Data(produce(1, "bananas")) // comes whole: nothing is needed for it
		healthy.wantAnswers(1)
		bubble.Advance(9 * time.Minute)
		late := sized(2, 4*mib)
		for part := range (len(late) + 65535) / 65536 {
			if healthy.isPaused() {
				t.Error("paused for requests whose time is over")
			}
			healthy.session.Data(late[part<<16 : min(len(late), (part+1)<<16)])
		}
		healthy.wantAnswers(1, 2)
		for i, c := range clients {
			if !c.isClosed() {
				t.Errorf("client %d is still connected", i)
			}
		}
	})
}

// Clients that leave large requests unfinished do not hold up those whose small ones come in two parts.
func TestArrivalsFairShare(t *testing.T) {
	t.Parallel()
	withMesh(t, limited("max_request_bytes: 1048576, max_in_flight_bytes_per_worker: 4194304"), func(m *mesh) {
		for range 10 {
			m.connect().session.Data(announce(mib, mib-1))
		}
		modest, greedy := m.connect(), m.connect()
		for i := range int32(10) {
			request := sized(i, 3<<10) // a 1024th is 4 KiB
			modest.session.Data(request[:len(request)/2])
			if modest.isPaused() {
				t.Fatal("a client within its fair share is paused")
			}
			modest.session.Data(request[len(request)/2:])
		}
		modest.wantAnswers(0, 1, 2, 3, 4, 5, 6, 7, 8, 9)
		greedy.session.Data(sized(1, 64<<10)[:32<<10])
		if !greedy.isPaused() {
			t.Error("a client that has more than its fair share goes on")
		}
	})
}

// While others wait for room, a request has a tenth of its time to get on by a tenth.
func TestArrivalsHurry(t *testing.T) {
	t.Parallel()
	withMesh(t, limited("max_request_bytes: 1048576, max_in_flight_bytes_per_worker: 4194304"), func(m *mesh) {
		alone := m.connect()
		alone.session.Data(announce(mib, mib/2))
		bubble.Advance(50 * time.Second)
		alone.wantOpen("nobody waits for it")
		for range 10 {
			m.connect().session.Data(announce(mib, mib-1))
		}
		honest, waited := m.connect(), time.Duration(0)
		for rest := sized(1, mib/2); len(rest) > 0; {
			for honest.isPaused() {
				waited += time.Second
				bubble.Advance(time.Second)
			}
			n := min(64<<10, len(rest))
			honest.session.Data(rest[:n])
			rest = rest[n:]
		}
		honest.wantAnswers(1)
		if waited > 20*time.Second {
			t.Errorf("waited for %s behind clients that have stopped, want three tenths of a minute at most", waited)
		}
	})
}
