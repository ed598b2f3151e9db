package main

import (
	"context"
	"fmt"

	"github.com/kafkamesh/envoy-kafka-mesh/test/bench/load"
	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// way is a way from clients to clusters.
type way struct {
	name  string
	about string
	start func(ctx context.Context, s *site) (*running, error)
	peer  bool // a product of others that reads Kafka
	early bool // a build of ours that -before names
}

// Names of ways.
const (
	directWay       = "direct"
	fullWay         = "direct, without sessions"
	tcpProxyWay     = "Envoy tcp_proxy"
	envoyWay        = "Kafka mesh in Envoy"
	standaloneWay   = "kafkamesh serve"
	kroxyliciousWay = "Kroxylicious"
	kafkaProxyWay   = "kafka-proxy"
	shotoverWay     = "Shotover"
	relayWay        = "Go relay"
	before          = ", before" // behind the name of a way of ours: an earlier build
)

// ways are all that there are. Direct is the first: the others are compared with it.
func ways() []way {
	return []way{
		{name: directWay, about: "no proxy", start: startDirect},
		{name: fullWay, about: "no proxy, and consumers name all partitions with each Fetch; where the others ask for sessions", start: startFull},
		{name: tcpProxyWay, about: "Envoy " + envoyVersion + "; parses nothing, one listener for each cluster", start: startTCPProxy},
		{name: envoyWay, about: "Envoy " + envoyVersion + ", our module", start: start((*site).today, build.inEnvoy)},
		{name: envoyWay + before, about: "the same with an earlier build of our module", start: start((*site).earlier, build.inEnvoy), early: true},
		{name: standaloneWay, about: "the plain binary", start: start((*site).today, build.standalone)},
		{name: standaloneWay + before, about: "an earlier build of it", start: start((*site).earlier, build.standalone), early: true},
		{
			name: kroxyliciousWay, about: "runtime " + kroxyliciousVersion + ", no filters, one virtual cluster for each cluster",
			start: startKroxylicious, peer: true,
		},
		{
			name: kafkaProxyWay, about: "grepplabs' " + kafkaProxyVersion + ", one process, one address for each cluster",
			start: startKafkaProxy, peer: true,
		},
		{name: shotoverWay, about: shotoverVersion + ", one cluster only, without TLS", start: startShotover, peer: true},
		{name: relayWay, about: "reads and writes, nothing else: the floor for a proxy in Go; one address for each cluster", start: startRelay},
	}
}

// wanted says whether a way is measured: in any case those without a proxy. A short run is about ours: peers are in it only if the command line names them.
func (o *options) wanted(w *way) bool {
	if w.peer && o.quick && o.ways.Regexp == nil {
		return false
	}
	if w.early && o.before == "" {
		return false
	}
	return w.name == directWay || w.name == fullWay || o.ways.matches(w.name)
}

// site is where the ways of a scenario are started.
type site struct {
	*clusters

	dir      string // for files
	before   string // the folder of an earlier build of ours; empty if there is none
	workers  int    // threads of Envoy's
	profiles bool   // ours are to serve Go's profiles, if they can
	sessions bool   // consumers ask for sessions
	users    string // the file of those who may log in at ours; empty: nobody has to
}

// running is a way that has been started.
type running struct {
	to        []load.Destination
	ca        string // with TLS from the client on
	full      bool   // consumers are to ask for no sessions
	logsIn    bool   // clients are to log in
	processes []*stack.Process
	profiles  string // the address of Go's profiles; empty if there are none
	close     func()
}

// through has every cluster's topic produced to through addrs: one for each cluster, or one for all.
func (c *clusters) through(addrs ...string) []load.Destination {
	var to []load.Destination
	for i := range c.addrs {
		to = append(to, load.Destination{Addr: addrs[min(i, len(addrs)-1)], Topic: topicOf(i)})
	}
	return to
}

// freeAddrs are addresses to listen on, one for each cluster.
func (c *clusters) freeAddrs() (addrs []string, err error) {
	for range c.addrs {
		port, err := stack.FreePort()
		if err != nil {
			return nil, err
		}
		addrs = append(addrs, stack.Local(port))
	}
	return addrs, nil
}

// plainAddr is an address to listen on, for a way that is measured with one cluster without TLS only.
func (c *clusters) plainAddr() (string, error) {
	if len(c.addrs) > 1 || c.ca != "" {
		return "", fmt.Errorf("%w: it is measured with one cluster, without TLS", errLeftOut)
	}
	port, err := stack.FreePort()
	return stack.Local(port), err
}

func startDirect(_ context.Context, s *site) (*running, error) {
	return &running{to: s.through(s.addrs...), ca: s.ca, close: func() {}}, nil
}

func startFull(ctx context.Context, s *site) (*running, error) {
	if !s.sessions {
		return nil, fmt.Errorf("%w: no consumer asks for sessions", errLeftOut)
	}
	r, err := startDirect(ctx, s)
	r.full = true
	return r, err
}
