package upstream

import "time"

// refreshPeriodically has the topics in use asked for again, and forgets those that are no longer used.
func (p *Pool) refreshPeriodically() {
	for p.pause(p.settings.MetadataRefreshInterval) {
		p.locked(p.refreshAll)
	}
}

func (p *Pool) refreshAll() {
	now := time.Now()
	for name, t := range p.topics {
		if t.unused(now, p.settings.MetadataMaxAge) {
			delete(p.topics, name)
			continue
		}
		p.refresh(t.name)
	}
}
