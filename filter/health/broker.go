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
	addr    string // where it was then
	since   time.Time
	err     error
	ended   bool // a connection has ended with batches on it
	failed  bool // it could not be connected to since
	found   bool // it could be
	said    bool
	seeking bool      // it is being connected to, to see whether it is back
	named   time.Time // when the cluster last named it
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
			l.ended, l.found = true, false
		}
	})
}

// missed takes note that a broker could not be connected to. The mutex is held.
func (c *Cluster) missed(addr string, err error) {
	if l := c.lose(addr, err); l != nil {
		l.failed, l.found = true, false
	}
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
		l = &loss{addr: addr, since: now, named: now}
		c.losses[node] = l
		c.judge(func() { c.judgeLoss(node, l) })
	}
	l.err = err
	return l
}

// found takes note that a broker has been connected to. The mutex is held.
func (c *Cluster) found(addr string) {
	node, is := c.node(addr)
	l := c.losses[node]
	if !is || l == nil {
		return
	}
	l.found, l.failed = true, false
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
	_, named := c.brokers[node]
	about := []any{"node", node, "address", l.addr, "error", Words(l.err, asItIs)}
	switch {
	case l.failed, !named && !l.found:
		l.said = c.warn("a broker is out of reach", l.addr, about...)
	case !l.found: // nobody has tried
		c.seek(node, l)
	default:
		if l.ended {
			c.warn("a broker's connection ended with batches on it; there is another now", l.addr, about...)
		}
		delete(c.losses, node)
		return
	}
	if !l.said {
		c.judge(func() { c.judgeLoss(node, l) })
	}
}

// asItIs is for an error that needs no more words.
func asItIs(err error) error { return err }

// dropLosses forgets the brokers' troubles, which are the cluster's now. The mutex is held.
func (c *Cluster) dropLosses() { clear(c.losses) }

// seekAll has brokers that are lost connected to, if the cluster names them, to see whether they are back. The mutex is held.
func (c *Cluster) seekAll(now time.Time) {
	for node, l := range c.losses {
		_, named := c.brokers[node]
		switch {
		case named && l.said:
			l.named = now
			c.seek(node, l)
		case now.Sub(l.named) > lossMemory:
			delete(c.losses, node)
		}
	}
}

// seek has a broker connected to. The mutex is held.
func (c *Cluster) seek(node int32, l *loss) {
	if m, addr := c.monitor, c.brokers[node]; m != nil && addr != "" && !l.seeking {
		l.seeking = true
		m.spawn("find a broker", func() { m.find(addr, l) })
	}
}

// find connects to a broker and hangs up: the client tells what comes of it.
func (m *monitor) find(addr string, l *loss) {
	defer m.cluster.locked(func() { l.seeking = false })
	ctx, cancel := context.WithTimeout(m.life, findTimeout)
	defer cancel()
	if conn, err := m.client.Dial(ctx, addr); err == nil {
		conn.Close()
	}
}
