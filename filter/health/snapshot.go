package health

import (
	"cmp"
	"slices"
	"time"
)

// Snapshot is what is known of a cluster at one moment.
type Snapshot struct {
	// Cluster is its name in the configuration, ID what it calls itself.
	Cluster, ID string
	State       State
	// Since is when the state began.
	Since time.Time
	// Watched is false while nobody looks, because there is no client: State is then what it was last.
	Watched bool
	// Error says why the cluster could last not be reached, at Failed, be it that it can be now. Failures are those in a row until now.
	Error    string
	Failed   time.Time
	Failures int
	// Brokers are those that the cluster last named, by node id; Controller is the node id of its controller, -1 if it did not say.
	Brokers    []Broker
	Controller int32
	// Answered is when the cluster last answered for its metadata, zero if never; RoundTrip is how long that took.
	Answered  time.Time
	RoundTrip time.Duration
	// OwnCertificate is when our certificate ends, BrokerCertificate when the first ends of those that brokers have shown; zero: there is
	// none.
	OwnCertificate, BrokerCertificate time.Time
}

// Broker is a broker as a cluster names it.
type Broker struct {
	Node    int32
	Address string
	// Lost is since when it cannot be reached though the cluster can, and Error why; zero if it can, as far as is known.
	Lost  time.Time
	Error string
}

// Snapshot returns what is known now.
func (c *Cluster) Snapshot() Snapshot {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := Snapshot{
		Cluster: c.settings.Name, ID: c.id, State: c.state, Since: c.since, Watched: c.monitor != nil,
		Failed: c.failed, Failures: c.failures, Controller: c.controller, Answered: c.answered, RoundTrip: c.roundTrip,
		OwnCertificate: c.own, BrokerCertificate: c.shown(),
	}
	switch {
	case c.err != nil:
		s.Error = c.words(c.err)
	case c.state == Unknown && s.Watched:
		s.Error = "no answer yet"
	}
	for node, addr := range c.brokers {
		b := Broker{Node: node, Address: addr}
		if l := c.losses[node]; l != nil && l.said {
			b.Lost, b.Error = l.since, Words(l.err, asItIs)
		}
		s.Brokers = append(s.Brokers, b)
	}
	slices.SortFunc(s.Brokers, func(a, b Broker) int { return cmp.Compare(a.Node, b.Node) })
	return s
}
