package filter_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/health"
	"github.com/kafkamesh/envoy-kafka-mesh/test/bubble"
)

// states are those of the clusters, and whether they are watched.
func (m *mesh) states() (states []health.State, watched bool) {
	synctest.Wait()
	for _, s := range m.filter.Health() {
		states = append(states, s.State)
		watched = s.Watched
	}
	return states, watched
}

// A filter whose host does not say when it is no longer used watches its clusters while there are sessions, and for a while after.
func TestWatchesWhileThereAreSessions(t *testing.T) {
	t.Parallel()
	withMesh(t, twoClusters, func(m *mesh) {
		m.c2.Down(1, true)
		if states, watched := m.states(); states[0] != health.Unknown || watched {
			t.Errorf("%s, watched: %t, before anybody said so", states, watched)
		}
		m.filter.Monitor()
		if states, watched := m.states(); states[0] != health.Reachable || states[1] != health.Unreachable || !watched {
			t.Errorf("%s, watched: %t; want the first to be reachable, and the second not", states, watched)
		}
		bubble.Advance(59 * time.Second)
		c := m.connect()
		bubble.Advance(time.Hour)
		if _, watched := m.states(); !watched {
			t.Error("not watched with a session")
		}
		c.session.Closed()
		bubble.Advance(61 * time.Second)
		if states, watched := m.states(); states[0] != health.Reachable || watched {
			t.Errorf("%s, watched: %t, a minute after the last session; want what was known, and nobody who looks", states, watched)
		}
		dials, _ := m.c1.Calls()
		bubble.Advance(time.Hour)
		if more, _ := m.c1.Calls(); more != dials {
			t.Error("a cluster is dialled that nobody uses")
		}
		m.c2.Down(1, false)
		c = m.connect()
		if states, watched := m.states(); states[1] != health.Reachable || !watched {
			t.Errorf("%s, watched: %t; want the second to be reachable, with a session again", states, watched)
		}
		if n := m.metric("cluster.c1.reachable") + m.metric("cluster.c2.reachable"); n != 2 {
			t.Errorf("%d are reachable by the metrics, want 2", n)
		}
		c.session.Closed()
		m.filter.Close()
		if n := m.metric("cluster.c1.reachable") + m.metric("cluster.c2.reachable"); n != 0 {
			t.Errorf("%d are reachable by the metrics of a filter that is closed", n)
		}
	})
}

// What workers meet of an outage is said once for all of them.
func TestOutageIsSaidOnce(t *testing.T) {
	t.Parallel()
	withMesh(t, twoClusters, func(m *mesh) {
		m.filter.Monitor()
		var clients []*client
		for worker := range 4 {
			c := m.connectTo(worker)
			clients = append(clients, c)
			c.session.Data(produce(1, "apples"))
		}
		bubble.Advance(time.Minute)
		m.c1.Down(1, true)
		for range 20 {
			for _, c := range clients {
				c.session.Data(produce(1, "apples"))
			}
			bubble.Advance(time.Second)
		}
		m.c1.Down(1, false)
		bubble.Advance(20 * time.Second)
		log := m.log()
		if strings.Count(log, "level=WARN") != 1 || !strings.Contains(log, "the cluster is out of reach") || !strings.Contains(log, "can be reached again") {
			t.Errorf("the log says\n%s\nwant one warning, and that it is over", log)
		}
		if n := m.metric("cluster.c1.connect_failures"); n == 0 {
			t.Error("no connect_failures")
		}
		for _, c := range clients {
			c.session.Closed()
		}
	})
}
