package filter_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats/statstest"
	"github.com/kafkamesh/envoy-kafka-mesh/test/bubble"
)

// A client that goes in the middle of its request leaves nothing behind in the gauges, whatever becomes of what it has sent.
func TestClientsGoWithRequestsInFlight(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(m *mesh){
		"answered": func(m *mesh) { m.c1.Stall(1, false) },
		"cut":      func(m *mesh) { m.c1.Cut(1) },
		"timed out": func(*mesh) {
			bubble.Advance(time.Minute)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			withMesh(t, counting, func(m *mesh) {
				m.c1.Stall(1, true)
				const clients, each = 10, 12 // more than fit into a window
				for range clients {
					c := m.connect()
					for id := range int32(each) {
						c.session.Data(produceApples(id, -1, id%2, batch()))
					}
					c.wantAnswers()
					request := produceApples(each, -1, 0, batch())
					c.session.Data(request[:len(request)/2])
					c.session.Closed()
				}
				if got := m.numbers("cluster.c1.queued_batches"); got["cluster.c1.queued_batches"] == 0 {
					t.Error("nothing is queued")
				}
				numbers{
					"cluster.c1.in_flight_batches": clients * each, "cluster.c1.in_flight_bytes": clients * each * int64(len(batch())),
				}.of(m, "cluster.c1.in_flight")
				end(m)
				synctest.Wait()
				numbers{}.of(m, "cluster.c1.in_flight", "cluster.c1.queued", "connections_active", "request_time_us")
				numbers{"requests.produce": clients * each}.of(m, "requests.")
				m.wantConsistent()
			})
		})
	}
}

// A configuration that ends with requests in flight has everything at zero afterwards that is a gauge.
func TestEndWithRequestsInFlight(t *testing.T) {
	t.Parallel()
	var m *mesh
	withMesh(t, counting, func(of *mesh) {
		m = of
		m.c1.Stall(1, true)
		for worker := range 3 {
			c := m.connectTo(worker)
			for id := range int32(20) {
				c.session.Data(produceApples(id, -1, id%2, batch()))
			}
			defer c.session.Closed()
		}
	})
	statstest.AtRest(t, m.stats)
	m.wantConsistent()
}
