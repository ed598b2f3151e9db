package dial

import (
	"context"
	"crypto/sha256"
	"fmt"
	"reflect"
	"sync"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/dial/token"
)

// Tokens gives the tokens of an OAuth to all who log in with it: of all workers, for brokers of one cluster. Its methods may be called
// from any goroutine.
type Tokens struct {
	oauth *OAuth

	mu     sync.Mutex
	seen   [sha256.Size]byte // what was in the files when somebody last looked
	shared *token.Shared     // those that are asked for with that
}

// NewTokens returns the tokens of o. It asks nobody yet.
func NewTokens(o *OAuth) *Tokens {
	return &Tokens{oauth: o, shared: token.NewShared(o.fetch()), seen: fingerprint(files(o.sources()))}
}

// Token returns a token that is valid now. It waits for one until ctx ends, and for ten seconds at most. A file is read each time.
func (t *Tokens) Token(ctx context.Context) (token.Token, error) {
	var got token.Token
	var err error
	if t.oauth.TokenFile.IsZero() {
		got, err = t.current().Get(ctx)
	} else {
		got, err = t.oauth.fromFile(time.Now())
	}
	if err != nil {
		return token.Token{}, &TokenError{At: t.oauth.At, Err: err}
	}
	return got, nil
}

// Equal says whether two give tokens of the same kind, for who compares configurations.
func (t *Tokens) Equal(other *Tokens) bool {
	return t == other || t != nil && other != nil && reflect.DeepEqual(t.oauth, other.oauth)
}

// Extensions go to the broker with the token.
func (t *Tokens) Extensions() map[string]string { return t.oauth.Extensions }

// Refresh has a new token asked for next, if what it is asked for with has been replaced since the last time. A request with what was there
// before may be on its way then: it has nothing in common with the next one, and what it brings is for who has waited for it.
func (t *Tokens) Refresh() {
	now := fingerprint(files(t.oauth.sources()))
	t.mu.Lock()
	defer t.mu.Unlock()
	if now != t.seen {
		t.seen, t.shared = now, token.NewShared(t.oauth.fetch())
	}
}

func (t *Tokens) current() *token.Shared {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.shared
}

// TokenError says that there is no token, which is not the broker's fault.
type TokenError struct {
	At  string // where in the configuration it is said how to get one; empty: nobody has said
	Err error
}

func (e *TokenError) Error() string {
	if e.At == "" {
		return fmt.Sprintf("no token for OAUTHBEARER: %v", e.Err)
	}
	return fmt.Sprintf("no token for OAUTHBEARER (%s): %v", e.At, e.Err)
}

// Unwrap returns what went wrong.
func (e *TokenError) Unwrap() error { return e.Err }
