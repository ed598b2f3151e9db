package broker

import (
	"maps"
	"slices"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// Personas says who the clusters see clients as, where that is not the same for all. Any goroutine may use it, and it never waits.
type Personas interface {
	// Seat gives a client that is this principal its place at the facade of its persona.
	Seat(principal string) Seat
}

// Seat is a client's place at the facade of its persona. Its fields do not change.
type Seat struct {
	// Broker is that facade. It serves the client from now on.
	Broker *Broker
	// Holds says whether the persona still is the client's. Nil: the place is for one request only.
	Holds func() bool
	// Leave gives the place back. It is called once, unless the place is for one request only.
	Leave func()
}

// seated is a client's seat, and who it was when it took it.
type seated struct {
	Seat

	principal string
}

// Part has clients be served by the facades of their personas, once they have logged in. It is for before the first request.
func (b *Broker) Part(p Personas) { b.personas = p }

// As returns a facade like b, over other upstreams of the same names. It knows nothing of what clients of b have asked for.
func (b *Broker) As(upstreams map[string]Upstream) *Broker {
	other := &Broker{
		apis: b.apis, table: b.table, routes: b.routes, upstreams: upstreams, unmatched: b.unmatched, access: b.access, groups: b.groups,
		rules: b.rules, counts: b.counts, uneven: b.uneven, refusedCommit: b.refusedCommit, memory: b.memory, clusters: slices.Sorted(maps.Keys(upstreams)),
	}
	other.converters.New = b.converters.New
	return other
}

// of is the facade that serves a client's next request: that of its persona, once the client has logged in.
func (b *Broker) of(c *Client) (*Broker, error) {
	if b.personas == nil || c.login != nil && c.login.state != loginDone {
		return b, nil
	}
	who := c.Principal()
	seat := c.seated()
	switch {
	case seat == nil:
		return c.sit(b.personas, who), nil
	case seat.principal == who && seat.Holds():
		return seat.Broker, nil
	}
	return nil, &wire.Violation{Reason: wire.ReasonIdentityReplaced, Detail: "clusters see the client as somebody else than when it began"}
}

// sit takes a client's seat.
func (c *Client) sit(p Personas, principal string) *Broker {
	seat := &seated{p.Seat(principal), principal}
	if seat.Holds == nil {
		return seat.Broker
	}
	if !c.keepSeat(seat) { // what was being taken from it goes on
		seat.Leave()
	}
	return seat.Broker
}

// seated is the client's seat; nil: it has none.
func (c *Client) seated() *seated {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.seat
}

// keepSeat has a seat be the client's. It reports false if the client is gone.
func (c *Client) keepSeat(seat *seated) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.gone {
		c.seat = seat
	}
	return !c.gone
}
