package token_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/dial/token"
	"github.com/kafkamesh/envoy-kafka-mesh/test/bubble"
)

// issuer gives tokens, numbered.
type issuer struct {
	life  time.Duration // of a token; 0: it does not say
	slow  time.Duration // how long it takes
	deaf  bool          // it ends with the context and not before
	fail  error
	given atomic.Int32
}

func (i *issuer) fetch(ctx context.Context) (token.Token, error) {
	n := i.given.Add(1)
	if i.deaf {
		<-ctx.Done()
		return token.Token{}, context.Cause(ctx)
	}
	bubble.Advance(i.slow)
	if i.fail != nil {
		return token.Token{}, i.fail
	}
	t := token.Token{Value: strconv.Itoa(int(n)), Identity: "mesh"}
	if i.life > 0 {
		t.Expires = time.Now().Add(i.life)
	}
	return t, nil
}

func want(t *testing.T, s *token.Shared, value string) {
	t.Helper()
	if got, err := s.Get(t.Context()); got.Value != value || (err == nil) != (value != "") {
		t.Errorf("token %q, %v; want %q", got.Value, err, value)
	}
}

// All who ask at the same time wait for one request, and get what it brings.
func TestOneAsksForAll(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]error{"a token": nil, "a failure": errors.New("no")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				i := &issuer{slow: time.Second, life: time.Hour, fail: fail}
				s := token.NewShared(i.fetch)
				var all sync.WaitGroup
				for range 100 {
					all.Go(func() {
						got, err := s.Get(t.Context())
						if fail == nil && got.Value != "1" || !errors.Is(err, fail) {
							t.Errorf("%q, %v", got.Value, err)
						}
					})
				}
				all.Wait()
				if n := i.given.Load(); n != 1 {
					t.Errorf("%d requests, want 1", n)
				}
			})
		})
	}
}

// A new token is asked for when four fifths of the old one's life are over. If none comes, the old one does until it ends.
func TestRenewedBeforeItEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{life: 10 * time.Minute}
		s := token.NewShared(i.fetch)
		want(t, s, "1")
		bubble.Advance(8*time.Minute - time.Second)
		want(t, s, "1")
		bubble.Advance(2 * time.Second)
		want(t, s, "2")
		i.fail = errors.New("out of order")
		bubble.Advance(9 * time.Minute)
		want(t, s, "2") // the request fails
		bubble.Advance(2 * time.Minute)
		want(t, s, "")
		i.fail = nil
		want(t, s, "") // nobody asks again at once
		bubble.Advance(time.Second)
		want(t, s, "5")
	})
}

// A token that does not say when it ends is not used for ever.
func TestUnknownEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := token.NewShared((&issuer{}).fetch)
		want(t, s, "1")
		bubble.Advance(3 * time.Minute)
		want(t, s, "1")
		bubble.Advance(2 * time.Minute)
		want(t, s, "2")
	})
}

// Who gives no answer holds nobody for longer than ten seconds, and not for longer than who asks wants to wait.
func TestNobodyWaitsForEver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := token.NewShared((&issuer{deaf: true}).fetch)
		hurried, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		started := time.Now()
		if _, err := s.Get(hurried); !errors.Is(err, token.ErrSlow) || time.Since(started) != time.Second {
			t.Errorf("%v after %v", err, time.Since(started))
		}
		if _, err := s.Get(t.Context()); !errors.Is(err, token.ErrSlow) || time.Since(started) != 10*time.Second {
			t.Errorf("%v after %v", err, time.Since(started))
		}
	})
}

// A bug in what fetches fails the login, and nothing else.
func TestPanicFailsTheLogin(t *testing.T) {
	t.Parallel()
	s := token.NewShared(func(context.Context) (token.Token, error) { panic("a bug") })
	want(t, s, "")
}

// The end of a token is the earlier of what its issuer says and what stands in it; it is never printed.
func TestNew(t *testing.T) {
	t.Parallel()
	part := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	now := time.Now()
	jwt := part(`{"alg":"RS256"}`) + "." + part(fmt.Sprintf(`{"sub":"ann","exp":%d}`, now.Add(time.Minute).Unix())) + ".x"
	for _, tt := range []struct {
		value    string
		expires  time.Time
		least    time.Duration
		identity string
	}{
		{"opaque", now.Add(time.Hour), time.Hour, "mesh"},
		{jwt, now.Add(time.Hour), time.Minute, "ann"},
		{jwt, now.Add(time.Second), time.Second, "ann"},
		{jwt, time.Time{}, time.Minute, "ann"},
	} {
		got := token.New(tt.value, tt.expires, "mesh")
		if d := got.Expires.Sub(now); d > tt.least || d < tt.least-time.Second || got.Identity != tt.identity {
			t.Errorf("%v ends in %v, want %v of %s", got, d, tt.least, tt.identity)
		}
		for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
			if text := fmt.Sprintf(format, got); strings.Contains(text, tt.value) {
				t.Errorf("%s prints %s", format, text)
			}
		}
	}
}
