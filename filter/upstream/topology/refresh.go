package topology

import "time"

// refreshPeriodically has the topics in use asked for again, and forgets those that are no longer used.
func (m *Map) refreshPeriodically() {
	for m.pause(m.settings.RefreshInterval) {
		m.refreshAll()
	}
}

func (m *Map) refreshAll() {
	now := time.Now()
	used := m.owner.InUse(now, m.settings.MaxAge)
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, name := range used {
		m.note(name)
	}
	for name, t := range m.topics {
		switch {
		case m.stale[name]:
		case now.Sub(t.used) > m.settings.MaxAge:
			delete(m.topics, name)
		default:
			m.note(name)
		}
	}
}
