package token

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/guard"
)

const (
	// fetchTimeout bounds the request for a token.
	fetchTimeout = 10 * time.Second
	// failurePause is how long a failure is what everybody is told, so that many who log in do not ask again one after the other.
	failurePause = time.Second
	// UnknownLife is for how long a token is used that does not say when it ends.
	UnknownLife = 5 * time.Minute
	// freshParts of lifeParts of its life a token is used without asking for the next one.
	freshParts, lifeParts = 4, 5
)

// ErrSlow says that no token has come in time.
var ErrSlow = errors.New("no token has come in time")

// Fetch gets a new token. It ends soon after its context does.
type Fetch func(ctx context.Context) (Token, error)

// Shared gives all who log in the same token, and asks for another one before it ends: one asks, and the others wait for that. Its methods
// may be called from any goroutine.
type Shared struct {
	fetch  Fetch
	panics guard.Panics

	mu     sync.Mutex
	kept   Token
	renew  time.Time // from when on another one is wanted; zero: there is none
	asking *request  // nil: nobody asks
	failed error     // why there was no token the last time
	pause  time.Time // until when nobody asks again
}

// request is one fetch, and what came of it.
type request struct {
	done  chan struct{}
	token Token
	err   error
}

// NewShared shares the tokens that fetch gets.
func NewShared(fetch Fetch) *Shared {
	return &Shared{fetch: fetch, panics: guard.Panics{Caught: func(where string, reason any, stack []byte) {
		slog.Error("panic recovered; please report it", "in", where, "panic", reason, "stack", string(stack))
	}}}
}

// Get returns a token that is valid now. It waits for a new one until ctx ends or the time for a request is over; while the old one is
// valid, that is what there is then.
func (s *Shared) Get(ctx context.Context) (Token, error) {
	s.mu.Lock()
	now := time.Now()
	if now.Before(s.renew) {
		defer s.mu.Unlock()
		return s.kept, nil
	}
	if s.asking == nil && now.Before(s.pause) {
		defer s.mu.Unlock()
		return s.orKept(s.failed)
	}
	if s.asking == nil {
		r := &request{done: make(chan struct{})}
		s.asking = r
		go func() { s.panics.Guard("tokens", func() { s.ask(r) }) }()
	}
	r := s.asking
	s.mu.Unlock()
	ctx, cancel := context.WithTimeoutCause(ctx, fetchTimeout, ErrSlow)
	defer cancel()
	select {
	case <-r.done:
		if r.err == nil {
			return r.token, nil
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.orKept(r.err)
	case <-ctx.Done():
		err := context.Cause(ctx)
		if errors.Is(err, context.DeadlineExceeded) {
			err = ErrSlow
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.orKept(err)
	}
}

// orKept is the old token while it is valid, or else err.
func (s *Shared) orKept(err error) (Token, error) {
	if s.kept.Value != "" && time.Now().Before(s.kept.Expires) {
		return s.kept, nil
	}
	return Token{}, err
}

// ask fetches a token for all who wait for r.
func (s *Shared) ask(r *request) {
	ctx, cancel := context.WithTimeoutCause(context.Background(), fetchTimeout, ErrSlow)
	defer cancel()
	r.err = s.panics.Attempt("the request for a token", func() (err error) {
		r.token, err = s.fetch(ctx)
		if err == nil && r.token.Value == "" {
			err = errors.New("the token that came is empty")
		}
		return err
	})
	defer close(r.done)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asking = nil
	now := time.Now()
	if s.failed = r.err; r.err != nil {
		s.pause = now.Add(failurePause)
		return
	}
	if r.token.Expires.IsZero() {
		r.token.Expires = now.Add(UnknownLife)
	}
	s.kept, s.renew = r.token, now.Add(r.token.Expires.Sub(now)*freshParts/lifeParts)
}
