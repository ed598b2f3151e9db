package filter

import (
	"cmp"
	"net"
	"slices"
	"strconv"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/config"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/health"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/status"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// Status is what is known of the mesh now, but for its clients and its traffic. It holds each worker's mutexes for a moment only.
func (f *Filter) Status() status.Mesh {
	m := status.Mesh{
		Name: f.options.Name, Listener: f.options.Listener, Since: f.began, Readiness: status.ReadinessAll, Panics: f.options.Stats.PanicsRecovered.Load(),
	}
	c := f.config
	if c.AdvertisedHost != "" {
		m.Advertised = net.JoinHostPort(c.AdvertisedHost, strconv.Itoa(int(c.AdvertisedPort)))
	}
	if c.Admin != nil && c.Admin.AnyClusterIsReady {
		m.Readiness = status.ReadinessAny
	}
	for _, w := range c.Warnings {
		m.Warnings = append(m.Warnings, w.Error())
	}
	ways := f.ways()
	for i := range c.Clusters {
		m.Clusters = append(m.Clusters, clusterStatus(&c.Clusters[i], f.health[i].Snapshot(), ways[c.Clusters[i].Name]))
	}
	for _, r := range c.Rules {
		m.Rules = append(m.Rules, status.Rule{Prefix: r.Prefix, Cluster: r.Cluster, Operations: status.Operations(r.Operations.String())})
	}
	for _, r := range c.GroupRules {
		m.GroupRules = append(m.GroupRules, status.GroupRule(r))
	}
	m.GroupHome = c.DefaultGroupCluster
	f.mu.Lock()
	m.Draining = f.draining
	f.mu.Unlock()
	return m
}

// Read is what the metrics have come to.
func (f *Filter) Read() []stats.Sample { return f.options.Stats.Read() }

// ways are all workers' ways into each cluster, by its name.
func (f *Filter) ways() map[string][]*upstream.Cluster {
	ways := map[string][]*upstream.Cluster{}
	for _, w := range f.allWorkers() {
		for _, u := range w.all() {
			ways[u.Name()] = append(ways[u.Name()], u)
		}
	}
	return ways
}

// clusterStatus is what is known of one cluster.
func clusterStatus(c *config.Cluster, known health.Snapshot, ways []*upstream.Cluster) status.Cluster {
	s := status.Cluster{
		Name: c.Name, BootstrapServers: c.BootstrapServers, Security: security(c), State: state(known.State), LastError: known.Error,
		LastErrorAt: known.Failed, MetadataAt: known.Answered, CertificateExpiry: earlier(known.OwnCertificate, known.BrokerCertificate),
	}
	if c.Identity != config.MeshIdentity {
		s.Identity, s.Identities = c.Identity.String(), len(ways)
	}
	if s.State != status.Unknown {
		s.Since = known.Since
	}
	brokers := map[int32]*status.Broker{}
	for _, b := range known.Brokers {
		brokers[b.Node] = &status.Broker{Node: b.Node, Address: b.Address, Link: status.Resting, Lost: b.Lost, LastError: b.Error}
	}
	topics := map[string]wire.Topic{}
	for _, u := range ways {
		now := u.Snapshot()
		for _, l := range now.Lanes {
			if b := brokers[l.Node]; b != nil {
				b.InFlight += l.InFlight
				b.Queued += l.Queued
				b.QueuedBytes += l.QueuedBytes
				if l.Connected {
					b.Connections++
				}
				b.Link = worse(b.Link, linkOf(l))
			}
		}
		for _, t := range now.Topics {
			topics[t.Name] = t
		}
	}
	for _, t := range topics {
		countLeaders(&s, t, brokers)
	}
	for _, b := range brokers {
		if !b.Lost.IsZero() {
			b.Link = status.Down
		}
		s.Brokers = append(s.Brokers, *b)
	}
	slices.SortFunc(s.Brokers, func(a, b status.Broker) int { return cmp.Compare(a.Node, b.Node) })
	return s
}

// countLeaders counts a topic's partitions, and which broker leads each.
func countLeaders(s *status.Cluster, t wire.Topic, brokers map[int32]*status.Broker) {
	s.Topics++
	s.Partitions += len(t.Partitions)
	for _, p := range t.Partitions {
		if p.Leader < 0 {
			s.Leaderless++
		} else if b := brokers[p.Leader]; b != nil {
			b.Leads++
		}
	}
}

// linkOf is how well one lane is connected.
func linkOf(l upstream.Lane) status.Link {
	switch {
	case l.Connected:
		return status.Connected
	case l.Down:
		return status.Down
	case l.Connecting:
		return status.Connecting
	default:
		return status.Resting
	}
}

// worse is the one of two that somebody should know of.
func worse(a, b status.Link) status.Link {
	order := []status.Link{status.Down, status.Connected, status.Connecting, status.Resting}
	return order[min(slices.Index(order, a), slices.Index(order, b))]
}

func state(s health.State) status.State {
	switch s {
	case health.Reachable:
		return status.Reachable
	case health.Unreachable:
		return status.Unreachable
	default:
		return status.Unknown
	}
}

// earlier is the first of two moments; zero is never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// security is how brokers are reached, as Kafka calls it, and how we log in. No secret is in it.
func security(c *config.Cluster) string {
	name := "PLAINTEXT"
	if c.Dial.TLS != nil {
		name = "SSL"
	}
	if c.Dial.SASL != nil {
		name = "SASL_" + name + " " + string(c.Dial.SASL.Mechanism)
	}
	return name
}
