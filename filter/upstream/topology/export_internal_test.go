package topology

// Remembered is how many topics the map knows something of, and of how many it wants to ask.
func (m *Map) Remembered() (topics, stale int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.topics), len(m.stale)
}
