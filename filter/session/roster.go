package session

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/broker"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/status"
)

// roster is the sessions of a worker whose connections there are. Any goroutine may use it.
type roster struct {
	mu   sync.Mutex
	open map[*Session]struct{}
}

func (r *roster) add(s *Session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.open == nil {
		r.open = map[*Session]struct{}{}
	}
	r.open[s] = struct{}{}
}

func (r *roster) remove(s *Session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.open, s)
}

// all is a list of them.
func (r *roster) all() []*Session {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Collect(maps.Keys(r.open))
}

// Clients lists the worker's clients that are connected, and what they have sent. It looks at each of them: it is for when somebody asks.
// Any goroutine may call it.
func (w *Worker) Clients() []status.Client {
	open, now := w.roster.all(), time.Now()
	clients := make([]status.Client, 0, len(open))
	for _, s := range open {
		clients = append(clients, s.status(now))
	}
	return clients
}

// Memberships lists what the worker's clients have to do with groups. It looks at each of them, as Clients does.
func (w *Worker) Memberships() (all []broker.Membership) {
	for _, s := range w.roster.all() {
		all = append(all, s.client.Memberships()...)
	}
	return all
}

func (s *Session) status(now time.Time) status.Client {
	c := status.Client{Address: s.peer.Remote, ID: s.client.ID(), Software: s.client.Software(), Principal: s.loggedInAs()}
	s.mu.Lock()
	defer s.mu.Unlock()
	c.Since, c.Requests, c.Bytes = s.usage.began, s.usage.requests, s.usage.bytes
	c.RequestsPerSecond, c.BytesPerSecond = s.usage.rates(now)
	return c
}
