package filter

import (
	"cmp"
	"maps"
	"slices"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/software"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/status"
)

// maxBusiest is how many of the busiest clients are told of, and busiestByRequests how many of these for their requests.
const (
	maxBusiest        = 20
	busiestByRequests = 5
)

// Clients is what is known of the clients. It looks at each that is connected: it is for when somebody asks.
func (f *Filter) Clients() status.Clients {
	connected := f.connected()
	c := status.Clients{
		Connected: int64(len(connected)), Total: f.options.Stats.Connections.Load(),
		Software: f.bySoftware(connected), Busiest: busiest(connected), Logins: f.logins(),
	}
	c.Groups, c.MoreGroups = f.groups()
	c.Throttled, c.MoreThrottled = f.throttled()
	f.sessions.Notices().Fill(&c)
	return c
}

// connected lists the clients of all workers.
func (f *Filter) connected() []status.Client {
	var all []status.Client
	for _, w := range f.allWorkers() {
		all = append(all, w.sessions.Clients()...)
	}
	return all
}

// allWorkers are those that there are now.
func (f *Filter) allWorkers() []*worker {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Collect(maps.Values(f.workers))
}

// bySoftware sums up the clients of each software, the most connections first. One that none has had is left out.
func (f *Filter) bySoftware(connected []status.Client) []status.Software {
	labels := software.Labels()
	all := make([]status.Software, len(labels))
	for i, label := range labels {
		all[i].Name, all[i].Total = label, f.options.Stats.Client(label).Connections.Load()
	}
	for i := range connected {
		c := &connected[i]
		of := &all[slices.Index(labels, software.Label(c.Software))]
		of.Connected++
		of.Requests += c.Requests
		of.Bytes += c.Bytes
	}
	all = slices.DeleteFunc(all, func(s status.Software) bool { return s.Total == 0 && s.Connected == 0 })
	slices.SortStableFunc(all, func(a, b status.Software) int {
		return cmp.Or(cmp.Compare(b.Connected, a.Connected), cmp.Compare(b.Total, a.Total))
	})
	return all
}

// busiest are those that send most: bytes first, and then requests.
func busiest(all []status.Client) []status.Client {
	byBytes := func(a, b status.Client) int {
		return cmp.Or(cmp.Compare(b.BytesPerSecond, a.BytesPerSecond), cmp.Compare(a.Address, b.Address))
	}
	byRequests := func(a, b status.Client) int { return cmp.Compare(b.RequestsPerSecond, a.RequestsPerSecond) }
	slices.SortFunc(all, byBytes)
	if len(all) > maxBusiest {
		rest := all[maxBusiest-busiestByRequests:]
		slices.SortStableFunc(rest, byRequests)
		all = all[:maxBusiest]
		slices.SortFunc(all, byBytes)
	}
	return slices.Clone(all)
}
