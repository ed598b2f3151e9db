package filter

import (
	"github.com/kafkamesh/envoy-kafka-mesh/filter/broker"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/route"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// BreakBroker gives the clients that connect from now on a facade with a bug that all requests meet which need the routes.
func (f *Filter) BreakBroker(index int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if w := f.workers[index]; w.broker != nil {
		w.sessions = f.sessions.NewWorker(broken{w.broker}, w.thread.Cork)
		w.broker = nil
	}
}

// Reroute replaces the rules.
func (f *Filter) Reroute(rules ...route.Rule) {
	table := route.New(rules)
	f.shared.routes.Store(route.Tables{Written: table, Read: table})
}

// broken is a facade with a bug.
type broken struct{ *broker.Broker }

func (b broken) Serve(c *broker.Call) error {
	if c.Header.Key == wire.KeyProduce || c.Header.Key == wire.KeyMetadata {
		panic("bug in the facade")
	}
	return b.Broker.Serve(c)
}
