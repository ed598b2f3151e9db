package filter_test

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/test/bubble"
)

// question is many requests with large answers: more than are served at once.
func question(m *mesh) []byte {
	m.c1.CreateTopic("apples-many", slices.Repeat([]int32{1}, 1000)...)
	var p []byte
	for i := range int32(30) {
		p = append(p, metadata(i)...)
	}
	return p
}

// A client that does not read is idle, whatever waits for it: nobody but itself can hasten that. It ends at once, since nothing
// more would be taken of what is left. One that reads now and then is not idle.
func TestIdleClientThatDoesNotRead(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		then func(m *mesh, c *client)
	}{
		{"and sends nothing", func(*mesh, *client) {}},
		{"and goes on to send", func(m *mesh, c *client) { c.session.Data(question(m)) }},
		{"and sends half a request", func(_ *mesh, c *client) { c.session.Data(announce(100, 10)) }},
		{"and sends no more", func(_ *mesh, c *client) { c.session.End() }},
		{"as its host says", func(_ *mesh, c *client) { c.session.Congested(true) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			withMesh(t, twoClusters, func(m *mesh) {
				c, reader := m.connect(), m.connect()
				for _, c := range []*client{c, reader} {
					c.limit = 10 << 10
					c.session.Data(question(m))
				}
				c.wantOpen("it has just been answered")
				tt.then(m, c)
				for range 5 {
					bubble.Advance(2*time.Minute - time.Second)
					c.wantOpen("not idle for 10 minutes yet")
					reader.session.Congested(false)
				}
				bubble.Advance(6 * time.Second)
				if !c.isClosed() || !c.gone {
					t.Errorf("closed %t, at once %t; want both", c.closed, c.gone)
				}
				reader.wantOpen("it has read")
				bubble.Advance(10 * time.Minute)
				if !reader.isClosed() {
					t.Error("the other one is still open, 10 minutes after it last read")
				}
			})
		})
	}
}

// What clients do not read counts: over half of a worker's limit, who has not read for longest has to go.
func TestUnreadAnswersAreLimited(t *testing.T) {
	t.Parallel()
	withMesh(t, limited("max_request_bytes: 1048576, max_in_flight_bytes_per_worker: 10485760"), func(m *mesh) {
		const fit = 4 // of a little over 1 MiB each
		clients := make([]*client, 2*fit)
		p := question(m)
		for i := range clients {
			clients[i] = m.connect()
			clients[i].limit = 10 << 10
			clients[i].session.Data(p)
			if i == fit-1 {
				clients[0].session.Congested(false) // has read, and is the last to go
				clients[0].session.Data(p)
			}
			clients[i].wantOpen("it has just been answered")
		}
		var gone []int
		for i, c := range clients {
			if c.isClosed() && c.gone {
				gone = append(gone, i)
			}
		}
		if want := []int{0, 1, 2, 3}; !slices.Equal(gone, want) || m.metric("violations.memory_limit") != int64(len(want)) {
			t.Errorf("%v had to go, violations.memory_limit = %d; want %v", gone, m.metric("violations.memory_limit"), want)
		}
		for _, c := range clients {
			c.session.Closed()
		}
		again := m.connect()
		again.limit = 10 << 10
		again.session.Data(p)
		again.wantOpen("the others are gone, and hold nothing")
	})
}

// A client that reads no answers gets no more of them than the host likes, and all of them once it reads.
func TestClientThatNeverReads(t *testing.T) {
	t.Parallel()
	withMesh(t, twoClusters, func(m *mesh) {
		for i := range 50 {
			m.c1.CreateTopic(fmt.Sprintf("apples-%d", i), 1)
		}
		c := m.connect()
		c.limit = 64 << 10
		var piece []byte
		const requests = 500 // for some kilobytes each
		for i := range int32(requests) {
			piece = append(piece, metadata(i)...)
		}
		c.session.Data(piece)
		synctest.Wait()
		if got := len(c.got); got < c.limit || got > 2*c.limit || !c.isPaused() {
			t.Errorf("%d bytes written, paused %t; want little more than %d", got, c.isPaused(), c.limit)
		}
		c.session.End() // what it sent is answered all the same
		rounds := 0
		ids, _ := c.answers()
		for ; len(ids) < requests && rounds < requests; rounds++ {
			if c.isClosed() {
				t.Fatalf("closed after %d answers", len(ids))
			}
			c.limit += 64 << 10
			c.session.Congested(false)
			ids, _ = c.answers()
		}
		for i, id := range ids {
			if id != int32(i) {
				t.Fatalf("answer %d is to request %d", i, id)
			}
		}
		if len(ids) != requests || rounds < 10 || !c.isClosed() {
			t.Errorf("%d answers in %d rounds, closed %t", len(ids), rounds, c.isClosed())
		}
	})
}
