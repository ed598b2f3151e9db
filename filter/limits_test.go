package filter_test

import (
	"encoding/binary"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire/wiretest"
)

const mib = 1 << 20

// limited is twoClusters with limits.
func limited(limits string) string { return twoClusters + "limits: {" + limits + "}\n" }

// announce is the beginning of a Produce request of size bytes, of which n come.
func announce(size, n int) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(size)), make([]byte, n)...)
}

// sized is a whole Produce request to apples with about n bytes of records.
func sized(id int32, n int) []byte {
	return produceApples(id, -1, 0, wiretest.Batch{Records: wiretest.Records(1, n)}.Bytes())
}

func (c *client) wantOpen(what string) {
	c.t.Helper()
	if c.isClosed() {
		c.t.Fatalf("closed: %s", what)
	}
}

func (m *mesh) wantClosed(c *client, reason string) {
	m.t.Helper()
	if !c.isClosed() || m.metric("violations."+reason) != 1 {
		m.t.Errorf("closed %t, violations.%s = %d; want true, 1", c.isClosed(), reason, m.metric("violations."+reason))
	}
}

func TestMaxRequestBytes(t *testing.T) {
	t.Parallel()
	withMesh(t, limited("max_request_bytes: 1024"), func(m *mesh) {
		c := m.connect()
		c.session.Data(announce(1024, 0))
		c.wantOpen("a request at the limit")
		other := m.connect()
		other.session.Data(announce(1025, 0))
		m.wantClosed(other, "oversized_frame")
	})
}

func TestConnectionLimits(t *testing.T) {
	t.Parallel()
	for limits, want := range map[string]int{
		"max_in_flight_requests_per_connection: 4": 5,
		"max_in_flight_bytes_per_connection: 4096": 3, // each has a little over 1000, and counts for 1024 more
	} {
		t.Run(limits, func(t *testing.T) {
			t.Parallel()
			withMesh(t, limited(limits), func(m *mesh) {
				m.c1.Stall(1, true)
				c := m.connect()
				sent := 0
				for ; !c.isPaused() && sent < 100; sent++ {
					c.session.Data(sized(1, 900))
				}
				if sent != want {
					t.Errorf("paused after %d requests, want %d", sent, want)
				}
				m.c1.Stall(1, false)
				if c.isPaused() {
					t.Error("still paused when everything is answered")
				}
			})
		})
	}
}

// A request that has begun must go on.
func TestSlowRequest(t *testing.T) {
	t.Parallel()
	withMesh(t, twoClusters, func(m *mesh) {
		idle, silent, length := m.connect(), m.connect(), m.connect()
		idle.session.Data(apiVersions(1))
		silent.session.Data(apiVersions(1))
		silent.session.Data(announce(100, 10))
		length.session.Data([]byte{0, 0})
		advance(time.Minute - time.Second)
		silent.wantOpen("in time")
		advance(2 * time.Second)
		if !silent.isClosed() || !length.isClosed() || m.metric("violations.slow_request") != 2 {
			t.Errorf("closed %t and %t, violations.slow_request = %d; want both", silent.isClosed(), length.isClosed(), m.metric("violations.slow_request"))
		}
		silent.wantAnswers(1)
		advance(5 * time.Minute)
		idle.wantOpen("a client may be silent between requests")
	})
}

// A connection on which nothing happens is closed; what counts is what the client sends, and what it waits for.
func TestIdleConnections(t *testing.T) {
	t.Parallel()
	withMesh(t, twoClusters, func(m *mesh) {
		silent, talking, waiting := m.connect(), m.connect(), m.connect()
		m.c1.Stall(1, true)
		waiting.session.Data(produce(1, "apples"))
		for i := range int32(5) {
			talking.session.Data(apiVersions(i))
			advance(2*time.Minute - time.Second)
			silent.wantOpen("idle for less than 10 minutes")
		}
		advance(6 * time.Second)
		if !silent.isClosed() {
			t.Error("a silent client's connection is open after 10 minutes")
		}
		talking.wantOpen("the client sends")
		waiting.wantAnswers(1) // timed out
		waiting.wantOpen("the client has waited for an answer")
		advance(20*time.Minute + time.Second)
		for name, c := range map[string]*client{"talking": talking, "waiting": waiting} {
			if !c.isClosed() {
				t.Errorf("the %s client's connection is open", name)
			}
		}
	})
	withMesh(t, limited("connections_max_idle_ms: 0"), func(m *mesh) {
		c := m.connect()
		advance(1000 * time.Hour)
		c.wantOpen("never")
	})
}

// Slow is not silent: a byte a second is enough for a small request, and not for a large one.
func TestSlowClient(t *testing.T) {
	t.Parallel()
	withMesh(t, twoClusters, func(m *mesh) {
		small, large, steady := m.connect(), m.connect(), m.connect()
		request := produce(1, "apples")
		large.session.Data(announce(mib, 0))
		steady.session.Data(announce(mib, 0))
		for i := range request {
			small.session.Data(request[i : i+1])
			if !large.isClosed() {
				large.session.Data([]byte{0})
			}
			if i%50 == 0 {
				steady.session.Data(make([]byte, mib/10+1))
			}
			advance(time.Second)
		}
		small.wantAnswers(1)
		steady.wantOpen("a tenth every 50 seconds")
		m.wantClosed(large, "slow_request")
	})
}

// The time in which we do not read is not the client's.
func TestSlowRequestWhilePaused(t *testing.T) {
	t.Parallel()
	withMesh(t, twoClusters, func(m *mesh) {
		c := m.connect()
		c.session.Data(announce(1000, 100))
		advance(50 * time.Second)
		c.session.Congested(true)
		advance(9 * time.Minute)
		c.wantOpen("paused")
		c.session.Congested(false)
		advance(50 * time.Second)
		c.wantOpen("reading again, in time")
		advance(11 * time.Second)
		m.wantClosed(c, "slow_request")
	})
}

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
		advance(9 * time.Minute)
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
		advance(50 * time.Second)
		alone.wantOpen("nobody waits for it")
		for range 10 {
			m.connect().session.Data(announce(mib, mib-1))
		}
		honest, waited := m.connect(), time.Duration(0)
		for rest := sized(1, mib/2); len(rest) > 0; {
			for honest.isPaused() {
				waited += time.Second
				advance(time.Second)
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

// When pausing does not help, because everyone was at it already, clients are disconnected.
func TestWorkerLimitTwice(t *testing.T) {
	t.Parallel()
	withMesh(t, limited("max_request_bytes: 1048576, max_in_flight_bytes_per_worker: 1048576"), func(m *mesh) {
		m.c1.Stall(1, true)
		closed := 0
		clients := make([]*client, 40)
		for i := range clients {
			clients[i] = m.connect()
			clients[i].session.Data(sized(1, 100<<10))
			if clients[i].isClosed() {
				closed++
			}
		}
		if closed < 18 || closed > 22 || m.metric("violations.memory_limit") != int64(closed) {
			t.Errorf("%d of 40 closed, violations.memory_limit = %d; want about 20", closed, m.metric("violations.memory_limit"))
		}
		m.c1.Stall(1, false)
		synctest.Wait()
		for i, c := range clients {
			if !c.isClosed() {
				c.wantAnswers(1)
			}
			if c.isPaused() {
				t.Errorf("client %d is still paused", i)
			}
		}
	})
}

// A cluster that has stalled, and the clients that send to it, do not stop those that send little elsewhere.
func TestFairShare(t *testing.T) {
	t.Parallel()
	withMesh(t, limited("max_request_bytes: 1048576, max_in_flight_bytes_per_worker: 4194304"), func(m *mesh) {
		m.c1.Stall(1, true)
		modest := m.connect()
		for range 40 {
			greedy := m.connect()
			greedy.session.Data(sized(1, 400<<10))
		}
		for i := range int32(10) {
			modest.session.Data(produce(i, "bananas"))
			if ids, _ := modest.answers(); len(ids) != int(i)+1 || modest.isPaused() || modest.isClosed() {
				t.Fatalf("after request %d: %d answers, paused %t, closed %t", i, len(ids), modest.isPaused(), modest.isClosed())
			}
		}
		m.c1.Stall(1, false)
	})
}

// Answers that have to wait for an earlier one do not pile up.
func TestAnswersBehindASlowOne(t *testing.T) {
	t.Parallel()
	withMesh(t, twoClusters, func(m *mesh) {
		for i := range 100 {
			m.c1.CreateTopic(fmt.Sprintf("apples-%d", i), 1)
		}
		m.c1.Stall(1, true)
		c := m.connect()
		piece := produce(0, "apples")
		const requests = 500
		for i := range int32(requests) {
			piece = append(piece, metadata(i+1)...)
		}
		c.session.Data(piece)
		if !c.isPaused() {
			t.Error("not paused")
		}
		c.wantAnswers()
		m.c1.Stall(1, false)
		if ids, _ := c.answers(); len(ids) != requests+1 || c.isPaused() {
			t.Errorf("%d answers, paused %t", len(ids), c.isPaused())
		}
	})
}

func metadata(id int32) []byte {
	r := kmsg.NewPtrMetadataRequest()
	r.Topics = nil // all
	return wiretest.Frame(wire.KeyMetadata, 9, id, "test", r)
}

// A host that cannot pause goes on to push what a client sends: that has an end.
func TestClientThatCannotBePaused(t *testing.T) {
	t.Parallel()
	withMesh(t, limited("max_in_flight_requests_per_connection: 1"), func(m *mesh) {
		m.c1.Stall(1, true)
		c := m.connect()
		for sent := range 100 {
			c.session.Data(sized(int32(sent), 256<<10))
			synctest.Wait()
			if sent < 10 {
				c.wantOpen("little enough to keep")
			}
			if sent == 50 {
				m.c1.Stall(1, false) // what it asked before is answered
			}
		}
		ids, _ := c.answers()
		m.wantClosed(c, "memory_limit")
		if len(ids) < 2 || len(ids) > 30 {
			t.Errorf("%d answers", len(ids))
		}
	})
}
