package filter

// BreakBroker gives the clients that connect from now on a facade with a bug that all requests meet which need the routes.
func (f *Filter) BreakBroker(index int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if w := f.workers[index]; w.broker != nil {
		w.broker = nil
		w.sessions = f.sessions.NewWorker(w.broker, &w.cork)
	}
}
