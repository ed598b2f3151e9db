package survey

import (
	"cmp"
	"context"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/dial"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/link"
)

// Options say what is surveyed, and how.
type Options struct {
	// Settings are the cluster's, and Client is made of them.
	Settings upstream.Settings
	Client   upstream.Client
	// Timeout is how long each broker has to connect and to answer.
	Timeout time.Duration
	// Topics are asked about. Nil: all that the cluster names.
	Topics []string
	// Group is asked about. Empty: none is.
	Group string
	// Groups has all that the cluster names be asked about.
	Groups bool
}

// Cluster is what was seen of one cluster.
type Cluster struct {
	Name string
	ID   string // empty: no broker says
	// Controller is the node id of the broker that controls the cluster, or says so; -1: none.
	Controller int32
	// Brokers are the bootstrap servers, in the order written, and the others that the cluster names.
	Brokers     []*Broker
	Rights      Rights // on the cluster
	Topics      []Topic
	Group       *Group         // nil: nobody was asked about one
	Groups      int            // that our user is told of, if all were asked about
	Locked      []string       // those of them on which it lacks READ
	Login       dial.Mechanism // empty: nobody logs in
	Identity    string         // whose token we log in with, as far as it says so
	Through     string         // the socket that connections go through; empty: they are direct
	Certificate *Certificate   // our own; nil: none
	// Findings are what is wrong with the cluster and not with one of its brokers.
	Findings []Finding
}

// surveyor makes one survey.
type surveyor struct {
	Options

	cluster *Cluster
}

// Of surveys a cluster. It takes little more than twice the timeout.
func Of(ctx context.Context, o Options) *Cluster {
	s := &surveyor{Options: o, cluster: &Cluster{Name: o.Settings.Name, Controller: -1, Certificate: own(o.Settings.Dial.TLS)}}
	s.cluster.Through = o.Settings.Dial.Socket.Reentry
	defer s.close()
	if o.Settings.Dial.SASL != nil {
		s.cluster.Login = o.Settings.Dial.SASL.Mechanism
	}
	if c := s.cluster.Certificate; c != nil {
		s.cluster.Findings = append(s.cluster.Findings, c.findings("our own")...)
	}
	s.reach(ctx, s.bootstrap(ctx))
	guide := s.guide()
	if guide == nil {
		return s.cluster
	}
	s.cluster.Identity = s.identity(ctx)
	others := s.name(guide.metadata)
	var work sync.WaitGroup
	work.Go(func() { s.reach(ctx, others) })
	work.Go(func() { s.askTopics(ctx, guide) })
	work.Wait()
	s.askGroup(ctx)
	s.askGroups(ctx)
	s.compare(guide)
	return s.cluster
}

// identity is whose token we have logged in with. It is the one that is shared, so that nobody is asked for another.
func (s *surveyor) identity(ctx context.Context) string {
	l := s.Settings.Dial.SASL
	if l == nil || l.Tokens == nil {
		return ""
	}
	used, err := l.Tokens.Token(ctx)
	if err != nil {
		return ""
	}
	return used.Identity
}

// bootstrap are the bootstrap servers, each once.
func (s *surveyor) bootstrap(ctx context.Context) (found []*Broker) {
	seen := map[string]bool{}
	for _, addr := range s.Settings.Addresses(ctx) {
		if !seen[addr] {
			seen[addr] = true
			found = append(found, &Broker{Addr: addr, Bootstrap: true, Node: -1})
		}
	}
	return found
}

// reach examines brokers at the same time.
func (s *surveyor) reach(ctx context.Context, brokers []*Broker) {
	var work sync.WaitGroup
	for _, b := range brokers {
		work.Go(func() { s.examine(ctx, b) })
	}
	work.Wait()
	s.cluster.Brokers = append(s.cluster.Brokers, brokers...)
}

// guide is the first broker that works.
func (s *surveyor) guide() *Broker {
	for _, b := range s.cluster.Brokers {
		if b.Works {
			return b
		}
	}
	return nil
}

// name takes what a broker says of the cluster: who is a broker, and which are to be examined yet.
func (s *surveyor) name(m *kmsg.MetadataResponse) (others []*Broker) {
	if m.ClusterID != nil {
		s.cluster.ID = *m.ClusterID
	}
	s.cluster.Controller, s.cluster.Rights = m.ControllerID, RightsOf(m.AuthorizedOperations)
	known := map[string]*Broker{}
	for _, b := range s.cluster.Brokers {
		known[b.Addr] = b
	}
	for _, named := range m.Brokers {
		b := known[address(named.Host, named.Port)]
		if b == nil {
			b = &Broker{Addr: address(named.Host, named.Port)}
			others = append(others, b)
		}
		b.Node = named.NodeID
	}
	return others
}

// compare sees that all that was reached is one cluster.
func (s *surveyor) compare(guide *Broker) {
	for _, b := range s.cluster.Brokers {
		if !b.Works || b == guide || guide.metadata.ClusterID == nil || b.metadata.ClusterID == nil {
			continue
		}
		if *b.metadata.ClusterID != *guide.metadata.ClusterID {
			b.Findings = append(b.Findings, Finding{
				What: "it belongs to another cluster (" + *b.metadata.ClusterID + ") than " + guide.Addr + " (" + *guide.metadata.ClusterID + ")",
				Do:   "name brokers of one cluster in bootstrap_servers",
			})
		}
	}
}

// close ends the connections.
func (s *surveyor) close() {
	for _, b := range s.cluster.Brokers {
		if b.connection != nil {
			b.connection.close()
		}
	}
}

// maxAnswer is how long an answer may be where the configuration does not say.
const maxAnswer = 64 << 20

// link is what connections are told to be.
func (s *surveyor) link() link.Settings {
	return link.Settings{ClientID: s.Settings.ClientID, MaxAnswer: cmp.Or(s.Settings.MaxResponseBytes, maxAnswer)}
}
