package produce

// outbox is what has to wait until the pool's mutex is free. The mutex guards it.
type outbox struct {
	stale   []string // topics to be asked for again
	doubted []string // topics of which what is known is wrong
	wanted  string   // a topic that nothing is known of while the cluster cannot be asked, the last one
	actions []func()
}

// later has f called when the mutex is free. The mutex is held.
func (o *outbox) later(f func()) { o.actions = append(o.actions, f) }

// unlock frees the mutex and does what had to wait for that.
func (p *Pool) unlock() {
	o := p.outbox
	p.outbox = outbox{}
	p.mu.Unlock()
	if o.stale != nil || o.doubted != nil || o.wanted != "" {
		p.topology.Ask(o.stale, o.doubted, o.wanted)
	}
	for _, f := range o.actions {
		p.panics.Guard("lane", f)
	}
}
