package session

import "github.com/kafkamesh/envoy-kafka-mesh/filter/broker"

// What a slice is, and what each request counts for in it.
const (
	SliceWork   = sliceWork
	RequestWork = requestWork
)

// HeldByWorker is what the requests in flight of a session's worker hold.
func HeldByWorker(s *Session) int64 {
	s.worker.budget.mu.Lock()
	defer s.worker.budget.mu.Unlock()
	return s.worker.budget.held
}

// InFlight is how many requests of a session are not answered.
func InFlight(s *Session) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.inflight.requests
}

// Lock locks a session's mutex.
func Lock(s *Session) (unlock func()) {
	s.mu.Lock()
	return s.mu.Unlock
}

// Waits reports whether a session waits for its turn.
func Waits(s *Session) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.intake == intakeWaiting
}

// HoldTurns has the sessions of a session's worker wait for their turns, as if its goroutine were busy with another one. They have
// them after release.
func HoldTurns(s *Session) (release func()) {
	t := &s.worker.turns
	idle := make(chan struct{})
	t.mu.Lock()
	t.idle = idle
	t.mu.Unlock()
	return func() { go t.run(idle) }
}

// BreakServer gives a session's worker a facade with a bug that all requests meet.
func BreakServer(s *Session) { s.worker.server = broken{s.worker.server} }

// broken is a facade with a bug.
type broken struct{ Server }

func (broken) Serve(*broker.Call) error { panic("bug in the facade") }
