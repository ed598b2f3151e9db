package produce

// renew makes a successor of the current connection. When it is there, the current one sends nothing more, gets its last answers, and
// the successor takes over: no batch of a partition is on both. Until then, or when nobody answers, the current one goes on.
// The mutex is held.
func (l *lane) renew() {
	if c := l.current; c != nil && c.state == open && !c.pausing && l.successor == nil {
		l.successor = l.dial()
	}
}

// renewIf is renew, if c is still the current connection. The mutex is held.
func (l *lane) renewIf(c *connection) {
	if l.current == c {
		l.renew()
	}
}

// successorEnded tries again to make one, if the current connection still needs it. The mutex is held.
func (l *lane) successorEnded(err error) {
	p, c := l.pool, l.current
	l.successor = nil
	if l.closed || c == nil || c.state != open {
		return
	}
	log := p.log.With("node", l.node, "address", l.addr)
	p.later(func() { log.Warn("cannot replace a connection; the old one goes on", "error", err) })
	c.pause = min(max(2*c.pause, p.settings.ReconnectBackoff), p.settings.ReconnectBackoffMax)
	c.pausing = true
	p.after(c.pause, "renewal", func() {
		p.locked(func() {
			c.pausing = false
			l.renewIf(c)
		})
	})
}
