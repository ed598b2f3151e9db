package health

import (
	"context"
	"log/slog"
	"slices"
	"time"
)

const (
	// lossMemory is how long a lost broker is remembered that the cluster no longer names.
	lossMemory = time.Hour
	// findTimeout bounds one try to connect to a lost broker again.
	findTimeout = 3 * time.Second
)

// loss is trouble with one broker of a cluster that can be reached, guarded by the mutex of the cluster.
type loss struct {
	since time.Time
	err   error
	ended bool // a connection has ended with batches on it
	found bool // it has been connected to since
	said  bool
	tried bool      // it is being connected to, to see whether it is back
	named time.Time // when the cluster last named it
}

// named reports whether an address is of the cluster: a broker's, or one of those to begin with. The mutex is held.
func (c *Cluster) named(addr string) bool {
	_, is := c.node(addr)
	return is || slices.Contains(c.settings.BootstrapServers, addr)
}

// node is the broker that the cluster has named at an address. The mutex is held.
func (c *Cluster) node(addr string) (node int32, is bool) {
	for node, at := range c.brokers {
		if at == addr {
			return node, true
		}
	}
	return 0, false
}

// Lost implements upstream.Troubles.
func (c *Cluster) Lost(addr string, err error) {
	c.locked(func() {
		if l := c.lose(addr, err); l != nil {
			l.ended = true
		}
	})
}

// lose is what is known of trouble with a broker that has it now; nil: it is the cluster's, or of nobody that it has named. The mutex is
// held.
func (c *Cluster) lose(addr string, err error) *loss {
	node, is := c.node(addr)
	if c.state != Reachable || c.monitor == nil || !is {
		return nil
	}
	l := c.losses[node]
	if l == nil {
		now := time.Now()
		l = &loss{since: now, named: now}
		c.losses[node] = l
		c.judge(func() { c.judgeLoss(node, l) })
	}
	l.err, l.found = err, false
	return l
}

// found takes note that a broker has been connected to. The mutex is held.
func (c *Cluster) found(addr string) {
	node, is := c.node(addr)
	l := c.losses[node]
	if !is || l == nil {
		return
	}
	l.found = true
	if l.said {
		delete(c.losses, node)
		c.write(slog.LevelInfo, "a broker can be reached again", "node", node, "address", addr,
			"after", time.Since(l.since).Round(time.Millisecond))
	}
}

// judgeLoss says that a broker is lost, if it still is. The mutex is held.
func (c *Cluster) judgeLoss(node int32, l *loss) {
	if c.losses[node] != l {
		return
	}
	addr := c.brokers[node]
	about := []any{"node", node, "address", addr, "error", Words(l.err, asItIs)}
	switch {
	case !l.found:
		if l.said = c.say(slog.LevelWarn, "a broker is out of reach", addr, about...); !l.said {
			c.judge(func() { c.judgeLoss(node, l) })
		}
		return
	case l.ended:
		c.say(slog.LevelWarn, "a broker's connection ended with batches on it; there is another now", addr, about...)
	}
	delete(c.losses, node)
}

// asItIs is for an error that needs no more words.
func asItIs(err error) error { return err }

// dropLosses forgets the brokers' troubles, which are the cluster's now. The mutex is held.
func (c *Cluster) dropLosses() { clear(c.losses) }

// seek has brokers that are lost connected to, if the cluster names them, to see whether they are back. The mutex is held.
func (c *Cluster) seek(now time.Time, m *monitor) {
	for node, l := range c.losses {
		addr, named := c.brokers[node]
		switch {
		case named:
			l.named = now
			if l.said && !l.tried {
				l.tried = true
				m.spawn("find a broker", func() { m.find(addr, l) })
			}
		case now.Sub(l.named) > lossMemory:
			delete(c.losses, node)
		}
	}
}

// find connects to a broker and hangs up: the client tells what comes of it.
func (m *monitor) find(addr string, l *loss) {
	defer m.cluster.locked(func() { l.tried = false })
	ctx, cancel := context.WithTimeout(m.life, findTimeout)
	defer cancel()
	if conn, err := m.client.Dial(ctx, addr); err == nil {
		conn.Close()
	}
}
