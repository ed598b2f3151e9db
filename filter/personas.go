package filter

import (
	"context"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/broker"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/config"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream"
)

// maxPrincipal is the longest principal that clusters are told of, in bytes.
const maxPrincipal = 255

// Why a client is refused what it asks of a cluster, as it is told.
const (
	errNoPersona = "this proxy does not know who the client is to the topic's cluster"
	errTooMany   = "this proxy keeps connections for as many identities as it may; limits.max_identities_per_worker says how many"
	errLongName  = "the client's principal is too long for the topic's cluster to be told of it"
)

// personas are those of one worker's clients. Its methods may be called from any goroutine and, but for close, never wait.
type personas struct {
	filter *Filter
	facade *broker.Broker
	thread upstream.Thread
	shared map[string]broker.Upstream // by name; those of apart refuse everything
	apart  []int                      // the clusters that see clients as what they are, by their places in the configuration
	log    *slog.Logger

	crowded, closing *broker.Broker // serve whoever gets no persona

	work sync.WaitGroup // what is being closed

	mu     sync.Mutex
	closed bool
	of     map[string]*persona
	told   time.Time // when it was last said that there are too many
}

// persona is who clusters see some clients as. The mutex of personas guards it.
type persona struct {
	key    string
	broker *broker.Broker
	ways   []*upstream.Cluster // of its own
	seats  int
	idle   *time.Timer // nil: nobody has left yet
}

var _ broker.Personas = (*personas)(nil)

// newPersonas returns those of a worker that has a facade over upstreams. Nil: clusters see all clients as the same.
func (f *Filter) newPersonas(w *worker, upstreams map[string]broker.Upstream, log *slog.Logger) *personas {
	p := &personas{filter: f, facade: w.broker, thread: w.thread, shared: upstreams, log: log, of: map[string]*persona{}}
	for i := range f.config.Clusters {
		if f.config.Clusters[i].Identity != config.MeshIdentity {
			p.apart = append(p.apart, i)
		}
	}
	if len(p.apart) == 0 {
		return nil
	}
	crowded, closing := maps.Clone(upstreams), maps.Clone(upstreams)
	for _, i := range p.apart {
		cluster := &f.config.Clusters[i]
		crowded[cluster.Name] = f.refuse(cluster, errTooMany)
		closing[cluster.Name] = broker.Upstream{Cluster: unreachable{}, Brokers: unreachable{}}
	}
	p.crowded, p.closing = w.broker.As(crowded), w.broker.As(closing)
	return p
}

// refuse stands for a cluster that refuses a client everything.
func (f *Filter) refuse(c *config.Cluster, why string) broker.Upstream {
	r := &refused{why: why, refusal: f.options.Stats.Cluster(c.Name).IdentityRefusals}
	return broker.Upstream{Cluster: r, Brokers: r, PartitionCount: c.PartitionCount, OffsetRetention: c.OffsetRetention}
}

// Seat implements broker.Personas.
func (p *personas) Seat(principal string) broker.Seat {
	key := p.key(principal)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return broker.Seat{Broker: p.closing}
	}
	one := p.of[key]
	if one == nil {
		if one = p.begin(key, principal); one == nil {
			p.sayCrowded(principal)
			return broker.Seat{Broker: p.crowded}
		}
	}
	one.seats++
	if one.idle != nil {
		one.idle.Stop()
	}
	leave := sync.OnceFunc(func() { p.leave(one) })
	return broker.Seat{Broker: one.broker, Holds: func() bool { return true }, Leave: leave}
}

// key is what the personas of two principals are the same by.
func (*personas) key(principal string) string {
	if len(principal) > maxPrincipal {
		return ""
	}
	return principal
}

// begin makes a persona, unless there are as many as there may be. The mutex is held.
func (p *personas) begin(key, principal string) *persona {
	if key != "" && !p.makeRoom() {
		return nil
	}
	one := &persona{key: key}
	upstreams := maps.Clone(p.shared)
	for _, i := range p.apart {
		cluster := &p.filter.config.Clusters[i]
		if key == "" {
			upstreams[cluster.Name] = p.filter.refuse(cluster, errLongName)
			continue
		}
		up, way := p.filter.wayTo(i, asClientID(UpstreamSettings(*cluster), principal), p.thread, p.log.With("identity", principal))
		upstreams[cluster.Name] = up
		if way != nil {
			one.ways = append(one.ways, way)
			p.count(way, 1)
		}
	}
	one.broker = p.facade.As(upstreams)
	p.of[key] = one
	return one
}

// asClientID has the client ids begin with a principal.
func asClientID(s upstream.Settings, principal string) upstream.Settings {
	s.ClientPrefix = principal + "/"
	s.ClientID = s.ClientPrefix + s.ClientID
	return s
}

// makeRoom has room for one persona more, if need be in place of one that nobody has. The mutex is held.
func (p *personas) makeRoom() bool {
	apart, nobodys := 0, (*persona)(nil)
	for _, one := range p.of {
		if len(one.ways) > 0 {
			apart++
			if one.seats == 0 {
				nobodys = one
			}
		}
	}
	if apart < p.filter.config.Identities.Most {
		return true
	}
	if nobodys == nil {
		return false
	}
	p.end(nobodys)
	return true
}

// sayCrowded says now and then that there are too many identities. The mutex is held.
func (p *personas) sayCrowded(principal string) {
	if now := time.Now(); now.Sub(p.told) >= time.Minute {
		p.told = now
		p.log.Warn("a client is refused the clusters that see who clients are: there are as many identities as there may be; "+
			"raise limits.max_identities_per_worker", "principal", principal, "identities", p.filter.config.Identities.Most)
	}
}

// leave takes note that a client of a persona is gone. One that nobody has is kept for a while.
func (p *personas) leave(one *persona) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if one.seats--; one.seats > 0 || p.of[one.key] != one {
		return
	}
	switch after := p.filter.config.Identities.MaxIdle; {
	case len(one.ways) == 0:
		delete(p.of, one.key)
	case one.idle == nil:
		one.idle = time.AfterFunc(after, func() { p.filter.guard("identity", func() { p.endIdle(one) }) })
	default:
		one.idle.Reset(after)
	}
}

// endIdle ends a persona that nobody has.
func (p *personas) endIdle(one *persona) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if one.seats == 0 && p.of[one.key] == one {
		p.end(one)
	}
}

// end has a persona's ways close. The mutex is held.
func (p *personas) end(one *persona) {
	delete(p.of, one.key)
	if one.idle != nil {
		one.idle.Stop()
	}
	for _, way := range one.ways {
		p.work.Go(func() { p.filter.guard("close", func() { p.closeWay(context.Background(), way) }) })
	}
}

// closeWay closes a way into a cluster in the time that there is for that.
func (p *personas) closeWay(ctx context.Context, way *upstream.Cluster) {
	defer p.count(way, -1)
	ctx, cancel := context.WithTimeout(ctx, drainTime)
	defer cancel()
	way.Close(ctx)
}

// count counts an identity that a cluster has, or has no more.
func (p *personas) count(way *upstream.Cluster, n int64) {
	p.filter.options.Stats.Cluster(way.Name()).Identities.Add(n)
}

// clusters are the ways of all personas.
func (p *personas) clusters() (all []*upstream.Cluster) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, one := range p.of {
		all = append(all, one.ways...)
	}
	return all
}

// close ends all personas, and waits for that. There are no others after it.
func (p *personas) close(ctx context.Context) {
	p.mu.Lock()
	p.closed = true
	var ways []*upstream.Cluster
	for _, one := range p.of {
		delete(p.of, one.key)
		if one.idle != nil {
			one.idle.Stop()
		}
		ways = append(ways, one.ways...)
	}
	p.mu.Unlock()
	for _, way := range ways {
		p.work.Go(func() { p.filter.guard("close", func() { p.closeWay(ctx, way) }) })
	}
	p.work.Wait()
}
