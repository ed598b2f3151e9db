package filter_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire/wiretest"
	"github.com/kafkamesh/envoy-kafka-mesh/test/bubble"
)

// slow is how a cluster keeps what it is sent for itself, and for how long.
type slow struct {
	begins func(m *mesh) (over func())
	time   time.Duration
}

// slows are clusters that store what they do not answer, or do not read it, until somebody waits for it, or for longer than anybody does.
func slows() map[string]slow {
	stalled := func(m *mesh) func() {
		m.c2.Stall(1, true)
		return func() { m.c2.Stall(1, false) }
	}
	clogged := func(m *mesh) func() {
		m.c2.Clog(1, true)
		return func() { m.c2.Clog(1, false) }
	}
	return map[string]slow{
		"answers late": {stalled, 0}, "answers too late": {stalled, time.Minute},
		"reads late": {clogged, 0}, "reads too late": {clogged, time.Minute},
	}
}

// numbered are n batches of one idempotent producer, in its order.
func numbered(n int) (batches [][]byte) {
	for i := range n {
		of := wiretest.Producer{ID: 7, Sequence: int32(2 * i)}
		batches = append(batches, wiretest.Batch{Records: wiretest.Records(2, 100), Producer: &of}.Bytes())
	}
	return batches
}

// sends has a client write batches to bananas, in a request each.
func (c *client) sends(batches [][]byte) {
	for i, b := range batches {
		c.session.Data(wiretest.ProduceFrame(9, int32(i), "test", "bananas", b))
	}
}

// wantWritten wants each batch that a client sent to be answered once, as stored.
func (c *client) wantWritten(batches [][]byte) {
	c.t.Helper()
	ids := make([]int32, len(batches))
	for i := range ids {
		ids[i] = int32(i)
	}
	for i, frame := range c.wantAnswers(ids...) {
		if code := producedCode(c.t, frame); code != wire.None {
			c.t.Errorf("request %d is answered with %s", i, code)
		}
	}
}

// wantStored wants exactly these batches in bananas.
func (m *mesh) wantStored(batches [][]byte) {
	m.t.Helper()
	if got := m.c2.Stored("bananas", 0); !slices.EqualFunc(got, batches, bytes.Equal) {
		m.t.Errorf("%d batches are stored, or in another order, want the %d that were sent", len(got), len(batches))
	}
}

// TestEvictedInFlight has an identity make room for another, or be there for nobody for too long, with requests of a client in flight that is
// gone. The client comes again and sends them once more: each batch is there once, and answered once, to the client that is there.
func TestEvictedInFlight(t *testing.T) {
	t.Parallel()
	for name, evict := range map[string]func(m *mesh){
		"for another": func(m *mesh) {
			other := m.connectAs("bob")
			other.session.Data(apiVersions(1))
			other.wantAnswers(1)
			other.session.Closed()
		},
		"idle": func(*mesh) { bubble.Advance(time.Second + time.Millisecond) },
	} {
		for cluster, slow := range slows() {
			t.Run(name+", "+cluster, func(t *testing.T) {
				t.Parallel()
				text, _ := mapped(t, "limits: {max_identities_per_worker: 1, identities_max_idle_ms: 1000}\n", "alice a pa", "bob b pb")
				withMesh(t, text, func(m *mesh) {
					all := numbered(5) // as many as a producer has in flight
					over := slow.begins(m)
					first := m.connectAs("alice")
					first.sends(all)
					first.wantAnswers()
					first.session.Closed()
					evict(m)
					bubble.Advance(slow.time)
					before := m.users.connections("a:pa")
					again := m.connectAs("alice")
					again.sends(all)
					again.wantAnswers()
					over()
					again.waitAnswers(len(all))
					again.wantWritten(all)
					m.wantStored(all)
					first.wantAnswers()
					if m.users.connections("a:pa") == before {
						t.Error("the identity was not evicted")
					}
					again.session.Closed()
					bubble.Advance(time.Minute)
					numbers{}.of(m, "cluster.c2.in_flight", "cluster.c2.queued", "cluster.c2.identities", "connections_active")
				})
			})
		}
	}
}

// TestRemappedWithRequestsInFlight has a client be somebody else with requests in flight: they are answered once, before it is disconnected.
// Those that the cluster does not answer in time are answered with an error that passes, and the cluster's late answers with nothing.
func TestRemappedWithRequestsInFlight(t *testing.T) {
	t.Parallel()
	for name, slow := range slows() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text, path := mapped(t, "", "alice a pa")
			withMesh(t, text, func(m *mesh) {
				all := numbered(6)
				first, rest := all[:5], all[5:] // as many as a producer has in flight
				over := slow.begins(m)
				c := m.connectAs("alice")
				c.sends(first)
				remap(t, path, "alice b pb")
				bubble.Advance(2 * time.Second)
				c.wantAnswers()
				bubble.Advance(slow.time)
				if slow.time > 0 {
					c.wantPassing(len(first))
					rest = all // as it has been told
				}
				over()
				c.waitAnswers(len(first))
				if slow.time == 0 {
					c.wantWritten(first)
				}
				bubble.Advance(time.Second)
				c.session.Data(apiVersions(99))
				if ids, _ := c.answers(); !c.isClosed() || len(ids) != len(first) {
					t.Errorf("%d answers, closed: %t; want %d, and the client to be disconnected", len(ids), c.isClosed(), len(first))
				}
				c.session.Closed()
				again := m.connectAs("alice")
				again.sends(rest)
				again.waitAnswers(len(rest))
				again.wantWritten(rest)
				m.wantStored(all)
				if m.users.connections("b:pb") == 0 {
					t.Error("it is who it was")
				}
			})
		})
	}
}

// wantPassing wants n requests to be answered, each with an error that passes.
func (c *client) wantPassing(n int) {
	c.t.Helper()
	ids, frames := c.answers()
	for _, frame := range frames {
		if code := producedCode(c.t, frame); !code.Transient() {
			c.t.Errorf("answered with %s, want an error that passes", code)
		}
	}
	if len(ids) != n {
		c.t.Errorf("answers to %v, want to %d requests", ids, n)
	}
}
