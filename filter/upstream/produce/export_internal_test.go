package produce

// Remembered is how many topics the pool knows something of.
func (p *Pool) Remembered() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.topics)
}
