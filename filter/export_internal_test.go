package filter

// BreakBroker gives a worker's facade a bug that all requests meet which need the routes.
func (f *Filter) BreakBroker(worker int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.workers[worker].broker = nil
}
