package upstream

import (
	"context"
	"errors"
	"sync"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/target"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/link"
)

var (
	errClosed = errors.New("closed")
	errIdle   = errors.New("has nothing to do")
)

// Open begins a link of the owner's own to a broker, which is dialled when it is known who that is. Its owner is told of it as of any
// link, and ends it; so does Close, after which nothing may be opened.
//
// It is for what would hold up others on a link that is shared: long polls, and requests that a broker answers when others have come.
// Its answers may take as long as they take; who wants less gives calls a deadline.
func (u *Cluster) Open(t target.Broker, o link.Owner) *link.Link { return u.open(t, nil, o) }

func (u *Cluster) open(t target.Broker, room link.Room, o link.Owner) *link.Link {
	s := u.link()
	s.Room = room
	s.LateTimeout = u.settings.lateTimeout()
	u.work.Add(1)
	return link.Start(u.life, s, dialTo{u, t}, t.String(), &opened{Owner: o, cluster: u})
}

// OpenOwn is Open for a client's polls, whose answers have room. Nil: the cluster is closed.
func (u *Cluster) OpenOwn(t target.Broker, room link.Room, o link.Owner) *link.Link {
	u.calls.mu.Lock() // no link begins once Close waits for those that there are
	defer u.calls.mu.Unlock()
	if u.calls.closed {
		return nil
	}
	return u.open(t, room, o)
}

// Address is where a broker is, from memory; empty: nobody knows.
func (u *Cluster) Address(node int32) string { return u.topology.Address(node) }

// Renewals is how often what links are made from has been replaced.
func (u *Cluster) Renewals() int64 { return u.renewals.Load() }

// dialTo dials a target.
type dialTo struct {
	cluster *Cluster
	target  target.Broker
}

var _ link.Dialer = dialTo{}

// Dial implements link.Dialer.
func (d dialTo) Dial(ctx context.Context, _ string) (link.Conn, error) {
	addr, err := d.cluster.topology.Await(ctx, d.target)
	if err != nil {
		return link.Conn{}, err
	}
	return d.cluster.client.Dial(ctx, addr)
}

// opened is the owner of a link that ends with the cluster.
type opened struct {
	link.Owner

	cluster      *Cluster
	once         sync.Once
	stopWatching func() bool // has the end of the cluster not close the link any more
}

var _ link.Owner = (*opened)(nil)

// Ready implements link.Owner.
func (o *opened) Ready(l *link.Link) {
	u := o.cluster
	o.once.Do(func() {
		o.stopWatching = context.AfterFunc(u.life, func() { u.panics.Guard("hang up", func() { l.Close(errClosed) }) })
	})
	o.Owner.Ready(l)
}

// Ended implements link.Owner.
func (o *opened) Ended(err error) {
	defer o.cluster.work.Done()
	if o.stopWatching != nil {
		o.stopWatching()
	}
	o.Owner.Ended(err)
}
