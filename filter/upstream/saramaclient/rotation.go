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

// watchInterval is how often files are looked at.
const watchInterval = 5 * time.Second

// Watch calls changed whenever what connections are made from has been replaced, until ctx ends.
func (c *Client) Watch(ctx context.Context, changed func()) {
	settings := &c.settings.Dial
	if !settings.Changes() {
		return
	}
	var missing [sha256.Size]byte
	last := settings.Fingerprint()
	ticker := time.NewTicker(watchInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if now := settings.Fingerprint(); now != last && now != missing {
			last = now
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
