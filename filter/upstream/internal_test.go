package upstream

// Skip has every connection of the pool go on as if it had sent n requests more.
func (p *Pool) Skip(n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range p.lanes {
		if l.link != nil {
			l.link.next += n
			l.link.whole += n
		}
	}
}

// Remembered is how many topics the pool knows something of, and of how many it wants to ask.
func (p *Pool) Remembered() (topics, stale int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.topics), len(p.inquiry.stale)
}
