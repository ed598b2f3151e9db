package saramaclient

import (
	"context"
	"crypto/sha256"
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
			if c.tokens != nil {
				c.tokens.Refresh()
			}
			changed()
		}
	}
}

// provider gives sarama the token of one login.
type provider struct {
	ctx    context.Context //nolint:containedctx // sarama's hook has no context of its own
	tokens *dial.Tokens
}

var _ sarama.AccessTokenProvider = provider{}

// Token returns a token that is valid now. It waits for one no longer than the login may take.
func (p provider) Token() (_ *sarama.AccessToken, err error) {
	defer caught(&err)
	got, err := p.tokens.Token(p.ctx)
	if err != nil {
		return nil, err
	}
	return &sarama.AccessToken{Token: got.Value, Extensions: p.tokens.Extensions()}, nil
}
