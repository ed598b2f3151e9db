package filter

import "github.com/kafkamesh/envoy-kafka-mesh/filter/status"

// Clients is what is known of the clients: how many there are.
func (f *Filter) Clients() status.Clients {
	return status.Clients{Connected: f.options.Stats.ActiveConnections.Load()}
}
