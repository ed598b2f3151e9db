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
	"github.com/kafkamesh/envoy-kafka-mesh/test/bubble"
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
		bubble.Advance(time.Minute - time.Second)
		silent.wantOpen("in time")
		bubble.Advance(2 * time.Second)
		if !silent.isClosed() || !length.isClosed() || m.metric("violations.slow_request") != 2 {
			t.Errorf("closed %t and %t, violations.slow_request = %d; want both", silent.isClosed(), length.isClosed(), m.metric("violations.slow_request"))
		}
		silent.wantAnswers(1)
		bubble.Advance(5 * time.Minute)
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
			bubble.Advance(2*time.Minute - time.Second)
			silent.wantOpen("idle for less than 10 minutes")
		}
		bubble.Advance(6 * time.Second)
		if !silent.isClosed() {
			t.Error("a silent client's connection is open after 10 minutes")
		}
		talking.wantOpen("the client sends")
		waiting.wantAnswers(1) // timed out
		waiting.wantOpen("the client has waited for an answer")
		bubble.Advance(20*time.Minute + time.Second)
		for name, c := range map[string]*client{"talking": talking, "waiting": waiting} {
			if !c.isClosed() {
				t.Errorf("the %s client's connection is open", name)
			}
		}
	})
	withMesh(t, limited("connections_max_idle_ms: 0"), func(m *mesh) {
		c := m.connect()
		bubble.Advance(1000 * time.Hour)
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
			bubble.Advance(time.Second)
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
		bubble.Advance(50 * time.Second)
		c.session.Congested(true)
		bubble.Advance(9 * time.Minute)
		c.wantOpen("paused")
		c.session.Congested(false)
		bubble.Advance(50 * time.Second)
		c.wantOpen("reading again, in time")
		bubble.Advance(11 * time.Second)
		m.wantClosed(c, "slow_request")
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
