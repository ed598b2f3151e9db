package filter

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/broker"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/config"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/credential"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
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
	said   map[news]time.Time // when that was last said
}

var _ broker.Personas = (*personas)(nil)

// newPersonas returns those of a worker that has a facade over upstreams. Nil: clusters see all clients as the same.
func (f *Filter) newPersonas(w *worker, upstreams map[string]broker.Upstream, log *slog.Logger) *personas {
	p := &personas{filter: f, facade: w.broker, thread: w.thread, shared: upstreams, log: log, of: map[string]*persona{}, said: map[news]time.Time{}}
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
		closing[cluster.Name] = f.unreachable(cluster)
	}
	p.crowded, p.closing = w.broker.As(crowded), w.broker.As(closing)
	return p
}

// Seat implements broker.Personas.
func (p *personas) Seat(principal string) broker.Seat {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return broker.Seat{Broker: p.closing}
	}
	seen := p.filter.mapping.changes.Load()
	parts, key := p.partsOf(principal)
	p.sayRefused(principal, parts)
	one := p.of[key]
	if one == nil {
		if slices.ContainsFunc(parts, func(of part) bool { return of.why == "" }) && !p.makeRoom() {
			p.sayCrowded(principal)
			return broker.Seat{Broker: p.crowded}
		}
		one = p.newPersona(key, parts)
		p.of[key] = one
	}
	one.seats++
	if one.idle != nil {
		one.idle.Stop()
	}
	place := &seat{personas: p, persona: one, principal: principal}
	place.seen.Store(seen)
	return broker.Seat{Broker: one.broker, Holds: place.holds, Leave: sync.OnceFunc(func() { p.leave(one) })}
}

// seat is a client's place.
type seat struct {
	personas  *personas
	persona   *persona
	principal string
	seen      atomic.Int64 // how many changes of the mapping it has seen
}

// holds reports whether the persona is still the client's.
func (s *seat) holds() bool {
	if s.persona.over.Load() {
		return false
	}
	changes := s.personas.filter.mapping.changes.Load()
	if s.seen.Load() == changes {
		return true
	}
	if _, key := s.personas.partsOf(s.principal); key != s.persona.key {
		return false
	}
	s.seen.Store(changes)
	return true
}

// review ends the personas that are somebody else by now, and has the others log in with the passwords of now.
func (p *personas) review() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, one := range p.of {
		for i := range one.ways {
			w := &one.ways[i]
			if w.client == nil {
				continue
			}
			now := p.partOf(w.cluster, w.principal)
			switch {
			case !now.is(w.part):
				p.end(one)
			case now.credential != w.credential:
				p.renew(w, now)
			}
			if one.over.Load() {
				break
			}
		}
	}
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

// sayCrowded says who is refused because there are too many identities. The mutex is held.
func (p *personas) sayCrowded(principal string) {
	if p.isNews("", principal) {
		p.log.Warn("a client is refused the clusters that see who clients are: there are as many identities as there may be; "+
			"raise limits.max_identities_per_worker", "principal", principal, "identities", p.filter.config.Identities.Most)
	}
}

// sayRefused says which clusters refuse a principal. The mutex is held.
func (p *personas) sayRefused(principal string, parts []part) {
	for i, of := range parts {
		if c := &p.filter.config.Clusters[p.apart[i]]; of.why != "" && p.isNews(c.Name, principal) {
			p.log.Info("a client is refused what it asks of a cluster: "+of.why, "cluster", c.Name, "principal", wire.Clip(principal, credential.MaxPrincipal))
		}
	}
}

// isNews reports whether something is to be said of a principal: once in a while, and of so many principals. The mutex is held.
func (p *personas) isNews(cluster, principal string) bool {
	const often, many = time.Minute, 100
	now, key := time.Now(), news{cluster, wire.Clip(principal, credential.MaxPrincipal)}
	if len(p.said) >= many {
		maps.DeleteFunc(p.said, func(_ news, at time.Time) bool { return now.Sub(at) >= often })
	}
	if at, said := p.said[key]; said && now.Sub(at) < often || len(p.said) >= many {
		return false
	}
	p.said[key] = now
	return true
}

// news is what is said of a principal, and a cluster if it is about one.
type news struct{ cluster, principal string }

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

// end has a persona's ways close. Its clients are disconnected when they ask for something. The mutex is held.
func (p *personas) end(one *persona) {
	p.forget(one)
	for _, w := range one.ways {
		p.work.Go(func() { p.filter.guard("close", func() { p.closeWay(context.Background(), w) }) })
	}
}

// forget has nobody take a seat of a persona any more. The mutex is held.
func (p *personas) forget(one *persona) {
	one.over.Store(true)
	delete(p.of, one.key)
	if one.idle != nil {
		one.idle.Stop()
	}
}

// closeWay closes a way into a cluster in the time that there is for that.
func (p *personas) closeWay(ctx context.Context, w way) {
	defer p.count(w, -1)
	ctx, cancel := context.WithTimeout(ctx, drainTime)
	defer cancel()
	w.Close(ctx)
}

// count counts an identity that a cluster has, or has no more.
func (p *personas) count(w way, n int64) {
	p.filter.options.Stats.Cluster(w.Name()).Identities.Add(n)
}

// clusters are the ways of all personas.
func (p *personas) clusters() (all []*upstream.Cluster) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, one := range p.of {
		for _, w := range one.ways {
			all = append(all, w.Cluster)
		}
	}
	return all
}

// close ends all personas, and waits for that. There are no others after it.
func (p *personas) close(ctx context.Context) {
	p.mu.Lock()
	p.closed = true
	var ways []way
	for _, one := range p.of {
		p.forget(one)
		ways = append(ways, one.ways...)
	}
	p.mu.Unlock()
	for _, w := range ways {
		p.work.Go(func() { p.filter.guard("close", func() { p.closeWay(ctx, w) }) })
	}
	p.work.Wait()
}
