package metrics

import (
	"errors"
	"fmt"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// window is how many requests may be in flight on one connection to a broker.
const window = 5

// gauges are what gauges are wanted to be, by name.
type gauges map[string]int64

// await waits until gauges are as wanted.
func (w *world) await(from source, what string, want gauges) {
	w.t.Helper()
	stack.Wait(w.t, what, func() error {
		got, err := w.look(from)
		if err != nil {
			return err
		}
		for name, n := range want {
			if v := got.numbers[name].value; v != float64(n) {
				err = errors.Join(err, fmt.Errorf("%s is %v, want %d", name, v, n))
			}
		}
		return err
	})
	for name, n := range want {
		w.moved[name] = w.moved[name] || n > 0
	}
}

// held is traffic during which the gauges are looked at: of a client of each software, one of which has more in flight than it may have.
func (w *world) held(from source) {
	w.t.Helper()
	first := w.connect()
	first.produce(9, to(heldTopic, 0, 1)) // so that it is known who leads the partition
	first.leave()
	w.scripted.hold()
	want := gauges{}
	var all []*client
	for name, label := range software() {
		if name == "" {
			all = append(all, w.connect())
		} else {
			all = append(all, w.connectAs(name))
		}
		want["connections_active"]++
		want["clients."+label+".connections_active"] = 1
	}
	c, p := all[0], to(heldTopic, 0, 2)
	req := request(9, -1, p)
	const requests = maxInFlight + 1
	for range requests {
		w.sent(req)
		c.Send(req)
	}
	w.add("reads_paused", 1)
	want["cluster.scripted.in_flight_batches"] = requests
	want["cluster.scripted.in_flight_bytes"] = requests * p.length()
	want["cluster.scripted.queued_batches"] = requests - window
	w.await(from, "what is in flight to be shown", want)
	w.scripted.release()
	for i := range int32(requests) {
		c.WantAnswer(c.Last - requests + 1 + i)
		w.answered(req)
		w.produced(req, p)
	}
	for _, c := range all {
		c.leave()
	}
	w.await(from, "all to have left", gauges{"connections_active": 0, "cluster.scripted.in_flight_batches": 0})
}

// abandoned is a request whose client does not wait for its answer: it counts as any other, but for the answer.
func (w *world) abandoned(from source) {
	w.t.Helper()
	w.scripted.hold()
	c, p := w.connectAs("kgo"), to(heldTopic, 1, 3)
	req := request(9, -1, p)
	w.sent(req)
	c.Send(req)
	w.await(from, "a request to be in flight", gauges{"connections_active": 1, "cluster.scripted.in_flight_batches": 1})
	stack.Check(w.t, c.SetLinger(0)) // else it still wants its answer
	c.leave()
	w.await(from, "its client to have left", gauges{"connections_active": 0, "cluster.scripted.in_flight_batches": 1})
	w.scripted.release()
	w.produced(req, p)
	w.await(from, "all to be answered", gauges{"cluster.scripted.in_flight_batches": 0})
}
