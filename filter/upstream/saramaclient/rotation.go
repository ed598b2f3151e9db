package saramaclient

import (
	"context"
	"crypto/sha256"
	"fmt"
	"sync"
	"time"

	"github.com/IBM/sarama"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/dial"
)

const (
	// watchInterval is how often files are looked at.
	watchInterval = 5 * time.Second
	// patience is how often they are looked at again while what is new does not fit together yet, before it is taken for a mistake.
	patience = 12
)

// Watch calls changed whenever what connections are made from has been replaced, until ctx ends. Files are replaced one after another: it
// waits for the last of them.
func (c *Client) Watch(ctx context.Context, changed func()) {
	settings := &c.settings.Dial
	if !settings.Changes() {
		return
	}
	var missing [sha256.Size]byte
	last, looks := settings.Fingerprint(), 0
	ticker := time.NewTicker(watchInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now := settings.Fingerprint()
		switch {
		case now == last, now == missing:
			looks = 0
		case looks < patience && !settings.Sound(time.Now()):
			looks++
		default:
			last, looks = now, 0
			c.tokens.forget()
			changed()
		}
	}
}

// tokens gives OAUTHBEARER's tokens to sarama.
type tokens struct {
	oauth *dial.OAuth

	mu   sync.Mutex
	next func() (string, error) // nil: to be made from what is configured
}

var _ sarama.AccessTokenProvider = (*tokens)(nil)

// Token returns a token that is valid now.
func (t *tokens) Token() (_ *sarama.AccessToken, err error) {
	defer caught(&err)
	t.mu.Lock()
	next := t.next
	t.mu.Unlock()
	if next == nil {
		if next, err = t.oauth.NewTokens(); err != nil {
			return nil, &tokenError{err}
		}
		t.mu.Lock()
		t.next = next
		t.mu.Unlock()
	}
	token, err := next()
	if err != nil {
		return nil, &tokenError{err}
	}
	return &sarama.AccessToken{Token: token, Extensions: t.oauth.Extensions}, nil
}

func (t *tokens) forget() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.next = nil
}

// tokenError says that there is no token, which is not the broker's fault.
type tokenError struct{ cause error }

func (e *tokenError) Error() string { return fmt.Sprintf("no token for OAUTHBEARER: %v", e.cause) }
func (e *tokenError) Unwrap() error { return e.cause }
