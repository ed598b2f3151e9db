package health

import (
	"context"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/link"
)

// client has what comes of every dial counted, and told to the cluster.
type client struct {
	upstream.Client

	cluster *Cluster
	monitor bool  // it is the monitor's
	user    *User // nil: it is the mesh's own
}

var _ upstream.Client = (*client)(nil)

// Client returns a client that dials as inner does, and of whose dials the cluster is told.
//
//nolint:ireturn // it is what workers take
func (c *Cluster) Client(inner upstream.Client) upstream.Client {
	return &client{Client: inner, cluster: c}
}

// Dial implements link.Dialer.
func (d *client) Dial(ctx context.Context, addr string) (link.Conn, error) {
	conn, err := d.Client.Dial(ctx, addr)
	switch {
	case err == nil:
		d.cluster.connected(addr, conn, d.monitor)
	case givenUp(ctx):
	case d.user != nil && ofLogin(err):
		d.user.refused(addr, err)
	default:
		d.cluster.notConnected(addr, err, d.monitor)
	}
	return conn, err
}

// givenUp reports whether nobody wants the connection any more, which is nobody's failure. Who had a deadline has waited for it.
func givenUp(ctx context.Context) bool {
	deadline, limited := ctx.Deadline()
	return ctx.Err() != nil && (!limited || time.Now().Before(deadline))
}

// connected takes note of a connection.
func (c *Cluster) connected(addr string, conn link.Conn, monitor bool) {
	c.stats.Connects.Add(1)
	c.locked(func() {
		c.noteCertificate(addr, conn.Conn)
		c.sayStale(conn.Stale)
		c.found(addr)
		if !monitor && c.state != Reachable {
			c.hurry()
		}
	})
}

// notConnected takes note of a broker that could not be connected to.
func (c *Cluster) notConnected(addr string, err error, monitor bool) {
	c.stats.ConnectFailures.Add(1)
	if ofLogin(err) {
		c.stats.LoginFailures.Add(1)
	}
	c.locked(func() {
		c.missed(addr, err)
		if !monitor && c.state == Reachable {
			c.hurry()
		}
	})
}
