package filter

import (
	"log/slog"
	"maps"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/broker"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/config"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/credential"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream"
)

// Why a client is refused what it asks of a cluster, as it is told.
const (
	errNoPersona = "this proxy does not know who the client is to the topic's cluster"
	errTooMany   = "this proxy keeps connections for as many identities as it may"
	errLongName  = "the client's principal is too long for the topic's cluster to be told of it"
	errUnmapped  = "the client's principal is mapped to no user of the topic's cluster"
)

// persona is who clusters see some clients as. The mutex of personas guards it, but for over.
type persona struct {
	key    string
	broker *broker.Broker
	ways   []way
	seats  int
	idle   *time.Timer // nil: nobody has left yet
	over   atomic.Bool // it has ended
}

// way is a persona's own way into a cluster.
type way struct {
	*upstream.Cluster

	cluster int        // its place in the configuration
	part               // who the persona is there
	client  *renewable // nil: it is not mapped
}

// part is who a persona is to one cluster.
type part struct {
	why        string // it is nobody, because of that
	principal  string // empty: whoever is not named
	credential credential.Credential
}

// key tells parts apart. Another password does not make another.
func (p part) key() string {
	switch {
	case p.why != "":
		return "-"
	case p.principal == "":
		return "@"
	default:
		return "=" + p.principal
	}
}

// is reports whether two are the same user of the cluster, for the same clients.
func (p part) is(other part) bool {
	return p.key() == other.key() && p.credential.SameUser(other.credential)
}

// name is what logs call it.
func (p part) name() string {
	if p.principal == "" {
		return "the default"
	}
	return p.principal
}

// settings are those of a cluster for who the persona is there by a file; nil: by its client id.
func (p part) settings(c *config.Cluster, file *credential.File) upstream.Settings {
	s := UpstreamSettings(*c)
	if file == nil {
		s.ClientPrefix = p.principal + "/"
		s.ClientID = s.ClientPrefix + s.ClientID
		return s
	}
	s.Dial = file.Settings(p.credential)
	return s
}

// partOf is who a principal is to a cluster now.
func (p *personas) partOf(cluster int, principal string) part {
	return partOf(p.filter.mapping.files[cluster], principal)
}

// partOf is who a principal is by a file; nil: by its client id.
func partOf(file *credential.File, principal string) part {
	switch {
	case len(principal) > credential.MaxPrincipal && file == nil:
		return part{why: errLongName}
	case file == nil:
		return part{principal: principal}
	}
	c, by := file.Table().Of(principal)
	switch by {
	case credential.Own:
		return part{principal: principal, credential: c}
	case credential.Default:
		return part{credential: c}
	default:
		return part{why: errUnmapped}
	}
}

// partsOf is who a principal is to each cluster that sees who clients are, and what tells that from others.
func (p *personas) partsOf(principal string) (parts []part, key string) {
	var all strings.Builder
	for _, cluster := range p.apart {
		of := p.partOf(cluster, principal)
		parts = append(parts, of)
		all.WriteString(strconv.Quote(of.key()))
	}
	return parts, all.String()
}

// newPersona makes one of its parts.
func (p *personas) newPersona(key string, parts []part) *persona {
	one := &persona{key: key}
	upstreams := maps.Clone(p.shared)
	for i, of := range parts {
		cluster := &p.filter.config.Clusters[p.apart[i]]
		if of.why != "" {
			upstreams[cluster.Name] = p.filter.refuse(cluster, of.why)
			continue
		}
		up, to := p.wayTo(p.apart[i], of)
		upstreams[cluster.Name] = up
		if to.Cluster != nil {
			one.ways = append(one.ways, to)
			p.count(to, 1)
		}
	}
	one.broker = p.facade.As(upstreams)
	return one
}

// wayTo makes a way into a cluster for who a persona is there; without a Cluster if there is none.
func (p *personas) wayTo(cluster int, of part) (broker.Upstream, way) {
	f, c := p.filter, &p.filter.config.Clusters[cluster]
	to := way{cluster: cluster, part: of}
	s := of.settings(c, f.mapping.files[cluster])
	client, err := f.options.NewClient(s)
	if err != nil {
		p.log.Error("cannot reach cluster", "cluster", c.Name, "identity", of.name(), "error", err)
		return f.unreachable(c), to
	}
	if c.Identity == config.MappedIdentity {
		to.client = newRenewable(client, f.guard)
		client = to.client
	}
	user := f.health[cluster].User(of.name())
	s.Troubles = user
	to.Cluster = upstream.New(s, user.Client(client), p.thread, f.options.Stats.Cluster(c.Name), p.log.With(slog.String("identity", of.name())))
	return upstreamOf(c, to.Cluster, brokers{to.Cluster}), to
}

// renew has a way be logged in to with another password.
func (p *personas) renew(w *way, of part) {
	c := &p.filter.config.Clusters[w.cluster]
	client, err := p.filter.options.NewClient(of.settings(c, p.filter.mapping.files[w.cluster]))
	if err != nil {
		p.log.Error("cannot reach cluster", "cluster", c.Name, "identity", of.name(), "error", err)
		return
	}
	w.part = of
	w.client.replace(client)
}
