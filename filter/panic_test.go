package filter_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/test/bubble"
)

// TestPanics has a bug in everything that a session calls or is called by. It costs that connection and is counted; other
// connections do not notice, and what the session held is given back: it would be too much after so many rounds.
func TestPanics(t *testing.T) {
	t.Parallel()
	const rounds, worth = 50, 100 << 10
	for _, tt := range []struct {
		name, bug string
		limits    string
		meet      func(m *mesh, c *client)
		broker    bool // has the bug
	}{
		{name: "Write, of the host's call", bug: "Write", meet: func(_ *mesh, c *client) { c.session.Data(apiVersions(1)) }},
		{name: "Write, when a cluster has answered", bug: "Write", meet: func(_ *mesh, c *client) { c.session.Data(sized(1, worth)) }},
		{name: "Write, with more in flight", bug: "Write", meet: func(m *mesh, c *client) {
			m.c1.Stall(1, true)
			c.session.Data(sized(1, worth))
			c.session.Data(sized(2, worth))
			m.c1.Stall(1, false)
		}},
		{name: "Write, half a request behind", bug: "Write", meet: func(_ *mesh, c *client) {
			c.session.Data(append(apiVersions(1), announce(worth, worth/2)...))
		}},
		{name: "Close, after a violation", bug: "Close", meet: func(_ *mesh, c *client) { c.session.Data([]byte("GET / HTTP/1.1")) }},
		{name: "Close, after the client's end", bug: "Close", meet: func(_ *mesh, c *client) { c.session.End() }},
		{name: "Close, by a timer", bug: "Close", meet: func(_ *mesh, c *client) {
			c.session.Data(announce(100, 10))
			bubble.Advance(2 * time.Minute)
		}},
		{name: "Abort, by a timer", bug: "Abort", meet: func(_ *mesh, c *client) {
			c.session.Congested(true)
			bubble.Advance(11 * time.Minute)
		}},
		{name: "PauseReads, of the host's call", bug: "PauseReads", meet: func(_ *mesh, c *client) { c.session.Congested(true) }},
		{name: "PauseReads, of a request", bug: "PauseReads", meet: func(m *mesh, c *client) {
			m.c1.Stall(1, true)
			for i := range int32(11) {
				c.session.Data(sized(i, worth))
			}
			m.c1.Stall(1, false)
		}},
		{name: "the facade, of Produce", broker: true, meet: func(_ *mesh, c *client) { c.session.Data(sized(1, worth)) }},
		{name: "the facade, of Metadata", broker: true, meet: func(_ *mesh, c *client) { c.session.Data(metadata(1)) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			withMesh(t, limited("max_request_bytes: 1048576, max_in_flight_bytes_per_worker: 1048576"), func(m *mesh) {
				for range rounds {
					bystander := m.connect()
					bystander.session.Data(apiVersions(1))
					if tt.broker {
						m.filter.BreakBroker(0)
					}
					c := m.connect()
					c.bug = tt.bug
					tt.meet(m, c)
					if !c.isClosed() {
						t.Fatal("the connection is open")
					}
					c.session.Data(apiVersions(9)) // hosts may call on
					c.session.End()
					c.session.Closed()
					if !bystander.isClosed() { // it may have become idle
						bystander.session.Data(apiVersions(2))
						bystander.wantAnswers(1, 2)
					}
					bystander.session.Closed()
				}
				synctest.Wait()
				if got := m.metric("panics_recovered"); got < rounds || got > 3*rounds {
					t.Errorf("panics_recovered = %d, want %d, or twice or three times that", got, rounds)
				}
				if got := m.metric("connections_active"); got != 0 {
					t.Errorf("connections_active = %d, want 0", got)
				}
				if got := m.metric("violations.memory_limit"); got != 0 {
					t.Errorf("violations.memory_limit = %d: what the sessions held was not given back", got)
				}
			})
		})
	}
}
