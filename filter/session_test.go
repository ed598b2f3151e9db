package filter_test

import (
	"bytes"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/route"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire/wiretest"
	"github.com/kafkamesh/envoy-kafka-mesh/test/bubble"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestAnswersKeepTheOrderOfRequests(t *testing.T) {
	t.Parallel()
	withMesh(t, twoClusters, func(m *mesh) {
		c := m.connect()
		m.c1.Stall(1, true)
		c.session.Data(produce(1, "apples")) // its cluster is slow
		c.session.Data(produce(2, "bananas"))
		c.session.Data(apiVersions(3))
		c.wantAnswers()
		m.c1.Stall(1, false)
		c.wantAnswers(1, 2, 3)
	})
}

func TestDataSplitAnywhere(t *testing.T) {
	t.Parallel()
	withMesh(t, twoClusters, func(m *mesh) {
		var stream []byte
		for _, f := range [][]byte{apiVersions(1), produce(2, "apples"), produce(3, "bananas"), apiVersions(4)} {
			stream = append(stream, f...)
		}
		for split := range stream {
			c := m.connect()
			c.session.Data(stream[:split])
			c.session.Data(stream[split:])
			c.wantAnswers(1, 2, 3, 4)
			c.session.Closed()
		}
		c := m.connect()
		for i := range stream {
			c.session.Data(stream[i : i+1])
		}
		c.wantAnswers(1, 2, 3, 4)
	})
}

// Requests that come together leave together, and so do their answers.
func TestTogether(t *testing.T) {
	t.Parallel()
	withMesh(t, twoClusters, func(m *mesh) {
		c := m.connect()
		c.session.Data(produceApples(1, -1, 0, batch()))
		c.session.Data(produceApples(2, -1, 1, batch()))
		c.wantAnswers(1, 2)
		before, writes := len(m.c1.Requests()), c.writes
		c.session.DataMore(produceApples(3, -1, 0, batch()))
		c.session.Data(produceApples(4, -1, 1, batch()))
		c.wantAnswers(1, 2, 3, 4)
		if got := len(m.c1.Requests()) - before; got != 1 {
			t.Errorf("%d requests upstream for two that came together", got)
		}
		if got := c.writes - writes; got != 1 {
			t.Errorf("%d writes for two answers that came together", got)
		}
	})
}

// A large request may be read straight into its frame, all but its last byte.
func TestFill(t *testing.T) {
	t.Parallel()
	withMesh(t, twoClusters, func(m *mesh) {
		c := m.connect()
		fill := func(p []byte) (n int, ok bool) {
			ok = c.session.Fill(func(room []byte) int {
				n = copy(room, p)
				return n
			})
			return n, ok
		}
		if _, ok := fill(make([]byte, 10)); ok {
			t.Error("filled before a request began")
		}
		first := wiretest.Batch{Records: wiretest.Records(1, 1<<20)}.Bytes()
		second := wiretest.Batch{Records: wiretest.Records(1, 1<<20-5)}.Bytes()
		c.session.Data(produceApples(1, -1, 0, first))
		request := produceApples(2, -1, 0, second)
		c.session.Data(request[:5]) // its length, so that there is a frame; and one as long has come already
		rest := request[5:]
		n, ok := fill(rest[:300<<10])
		if !ok || n != 300<<10 {
			t.Errorf("filled %d, %v, want 300 KiB", n, ok)
		}
		rest = rest[n:]
		n, ok = fill(rest)
		if !ok || n != len(rest)-1 {
			t.Errorf("filled %d, %v, want %d", n, ok, len(rest)-1)
		}
		rest = rest[n:]
		if n, ok = fill(rest); ok {
			t.Errorf("filled %d of the last byte", n)
		}
		c.session.Data(append(rest, apiVersions(3)...))
		c.wantAnswers(1, 2, 3)
		if !slices.EqualFunc([][]byte{first, second}, m.c1.Stored("apples", 0), bytes.Equal) {
			t.Error("other bytes were stored than sent")
		}

		c.session.Data(request[:len(request)/2])
		c.session.Congested(true)
		c.session.Data(request[len(request)/2 : len(request)/2+1]) // kept
		if _, ok := fill(request); ok {
			t.Error("filled before what came earlier and was kept")
		}
		c.session.Closed()
		if _, ok := fill(request); ok {
			t.Error("filled after the end")
		}
	})
}

func TestHalfClosedClientGetsItsAnswers(t *testing.T) {
	t.Parallel()
	withMesh(t, twoClusters, func(m *mesh) {
		c := m.connect()
		m.c1.Stall(1, true)
		c.session.Data(produce(1, "apples"))
		c.session.End()
		if c.isClosed() {
			t.Fatal("closed before the answer")
		}
		m.c1.Stall(1, false)
		c.wantAnswers(1)
		if !c.isClosed() {
			t.Error("not closed after the last answer")
		}
	})
}

func TestViolationClosesBehindEarlierAnswers(t *testing.T) {
	t.Parallel()
	withMesh(t, twoClusters, func(m *mesh) {
		c := m.connect()
		m.c1.Stall(1, true)
		c.session.Data(produce(1, "apples"))
		c.session.Data([]byte{0xff, 0xff, 0xff, 0xff})
		c.session.Data(apiVersions(2))
		if c.isClosed() {
			t.Fatal("closed before the answer")
		}
		m.c1.Stall(1, false)
		c.wantAnswers(1)
		if !c.isClosed() {
			t.Error("not closed after the violation")
		}
		if got := m.metric("violations.negative_length"); got != 1 {
			t.Errorf("violations.negative_length = %d, want 1", got)
		}
	})
}

func TestViolations(t *testing.T) {
	t.Parallel()
	for reason, bytes := range map[string][]byte{
		"tls_handshake":       {0x16, 0x03, 0x01, 0x02, 0x00, 0x01},
		"http_request":        []byte("GET / HTTP/1.1\r\n\r\n"),
		"unknown_api":         {0, 0, 0, 10, 0, 71, 0, 0, 0, 0, 0, 1, 0xff, 0xff},
		"unsupported_version": {0, 0, 0, 10, 0, 0, 0, 13, 0, 0, 0, 1, 0xff, 0xff},
		"malformed_header":    {0, 0, 0, 2, 0, 3},
		"malformed_body":      {0, 0, 0, 10, 0, 3, 0, 1, 0, 0, 0, 1, 0xff, 0xff},
		"oversized_frame":     {0x7f, 0xff, 0xff, 0xff},
	} {
		t.Run(reason, func(t *testing.T) {
			t.Parallel()
			withMesh(t, twoClusters, func(m *mesh) {
				c := m.connect()
				c.session.Data(bytes)
				if !c.isClosed() || m.metric("violations."+reason) != 1 {
					t.Errorf("closed %t, violations.%s = %d; want true, 1", c.isClosed(), reason, m.metric("violations."+reason))
				}
				other := m.connect()
				other.session.Data(apiVersions(1))
				other.wantAnswers(1)
			})
		})
	}
}

func TestAcksZeroGetsNoAnswer(t *testing.T) {
	t.Parallel()
	withMesh(t, twoClusters, func(m *mesh) {
		c := m.connect()
		c.session.Data(produceApples(1, 0, 0, batch()))
		c.session.Data(apiVersions(2))
		c.wantAnswers(2)
		if n := len(m.c1.Stored("apples", 0)); n != 1 {
			t.Errorf("%d batches stored, want 1", n)
		}
		neighbour := m.connect()
		neighbour.session.Data(produceApples(1, 0, 1, batch()))
		m.c1.Answer("apples", 0, wire.MessageTooLarge)
		c.session.Data(produceApples(3, 0, 0, batch()))
		if !c.isClosed() {
			t.Error("the connection lives on after a failure with acks=0")
		}
		if neighbour.isClosed() {
			t.Error("another client's failure closed this connection")
		}
	})
}

// A client that sends faster than its cluster answers is paused, and goes on when the cluster does.
func TestBackPressure(t *testing.T) {
	t.Parallel()
	withMesh(t, twoClusters, func(m *mesh) {
		c := m.connect()
		m.c1.Stall(1, true)
		big := produceApples(1, -1, 0, wiretest.Batch{Records: wiretest.Records(1, 1<<20)}.Bytes())
		sent := 0
		for !c.isPaused() && sent < 100 {
			c.session.Data(big)
			sent++
		}
		if sent != 16 {
			t.Errorf("paused after %d MiB, want 16", sent)
		}
		m.c1.Stall(1, false)
		if c.isPaused() {
			t.Error("still paused when everything is answered")
		}
		ids, _ := c.answers()
		if len(ids) != sent || c.pauses != 1 {
			t.Errorf("%d answers for %d requests, paused %d times", len(ids), sent, c.pauses)
		}
		c.session.Congested(true)
		if !c.isPaused() {
			t.Error("a client that does not read its answers is not paused")
		}
		c.session.Congested(false)
		if c.isPaused() {
			t.Error("still paused when the client reads again")
		}
	})
}

func TestWorkerBudget(t *testing.T) {
	t.Parallel()
	withMesh(t, twoClusters, func(m *mesh) {
		m.c1.Stall(1, true)
		big := produceApples(1, -1, 0, wiretest.Batch{Records: wiretest.Records(1, 15<<20)}.Bytes())
		clients := make([]*client, 20) // each under its own bound, 300 MiB together
		for i := range clients {
			clients[i] = m.connect()
			clients[i].session.Data(big)
		}
		paused := 0
		for _, c := range clients {
			if c.isPaused() {
				paused++
			}
		}
		if paused == 0 || paused == len(clients) {
			t.Errorf("%d of %d clients paused, want those over the worker's bound", paused, len(clients))
		}
		m.c1.Stall(1, false)
		for i, c := range clients {
			if c.isPaused() {
				t.Errorf("client %d is still paused when everything is answered", i)
			}
			c.wantAnswers(1)
		}
	})
}

func TestClosedWhileBusy(t *testing.T) {
	t.Parallel()
	withMesh(t, twoClusters, func(m *mesh) {
		c := m.connect()
		m.c1.Stall(1, true)
		c.session.Data(produce(1, "apples"))
		c.session.Closed()
		m.c1.Stall(1, false)
		synctest.Wait()
		if n := len(m.c1.Stored("apples", 0)); n != 1 {
			t.Errorf("%d batches stored, want 1", n)
		}
		if got := m.metric("connections_active"); got != 0 {
			t.Errorf("connections_active = %d, want 0", got)
		}
	})
}

// A filter that nobody uses any more lets go of its upstream connections, and takes them up again for the next client.
func TestRelease(t *testing.T) {
	t.Parallel()
	withMesh(t, twoClusters, func(m *mesh) {
		c := m.connect()
		c.session.Data(produce(1, "apples"))
		c.wantAnswers(1)
		other := m.connect()
		c.session.Closed()
		bubble.Advance(2 * time.Minute)
		if n := m.metric("cluster.c1.connections"); n != 1 {
			t.Errorf("%d upstream connections with a client, want 1", n)
		}
		other.session.Closed()
		bubble.Advance(2 * time.Minute)
		if n := m.metric("cluster.c1.connections"); n != 0 {
			t.Errorf("%d upstream connections without a client, want none", n)
		}
		again := m.connect()
		again.session.Data(produce(2, "apples"))
		again.wantAnswers(2)
	})
}

// Rules that are replaced count from the next request on, in every worker, and for workers that come later.
func TestReroute(t *testing.T) {
	t.Parallel()
	withMesh(t, twoClusters, func(m *mesh) {
		m.c2.CreateTopic("apples", 1)
		clients := []*client{m.connectTo(0), m.connectTo(1)}
		for _, c := range clients {
			c.session.Data(produce(1, "apples"))
			c.wantAnswers(1)
		}
		m.filter.Reroute(route.Rule{Prefix: "", Cluster: "c2"})
		clients = append(clients, m.connectTo(2))
		for _, c := range clients {
			c.session.Data(produce(1, "apples"))
			c.answers()
		}
		if first, second := len(m.c1.Stored("apples", 0)), len(m.c2.Stored("apples", 0)); first != 2 || second != 3 {
			t.Errorf("%d batches in the first cluster, %d in the second, want 2, 3", first, second)
		}
	})
}
