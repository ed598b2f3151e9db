package login

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/follower"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/guard"
)

const (
	askTimeout    = 5 * time.Second
	askAgainAfter = 10 * time.Second // for a key that is not known, or when nothing came; then twice that, and so on
	maxSet        = 1 << 20          // bytes
	maxRedirects  = 3
)

// keys are those of a file or a URL, as they are now. Its methods may be called from any goroutine.
type keys struct {
	ring    atomic.Pointer[keyring] // nil: none so far
	read    func(ctx context.Context) error
	refresh time.Duration
	panics  *guard.Panics
	told    *follower.Teller
	wake    chan struct{} // holds 1: somebody asks

	sum [sha256.Size]byte // the goroutine's: of what came from the URL

	mu     sync.Mutex
	asking chan struct{} // closed when what is asked for is there, or not; nil: nobody asks
	asked  time.Time     // when that was the last time
	closed bool          // nobody asks any more

	following follower.Loop
}

// newKeys reads the file, if they are in one.
func newKeys(s TokenSettings, panics *guard.Panics, told *follower.Teller) (*keys, error) {
	k := &keys{panics: panics, told: told, wake: make(chan struct{}, 1)}
	if s.KeysFile != "" {
		file := &follower.File{Path: s.KeysFile}
		k.refresh = follower.Every
		k.read = func(context.Context) error { return k.readFile(file) }
		if err := k.read(context.Background()); err != nil {
			return nil, err
		}
		k.asked = time.Now()
	} else {
		client := newClient(s.Client)
		k.refresh = s.Refresh
		if k.refresh == 0 {
			k.refresh = DefaultRefresh
		}
		k.read = func(ctx context.Context) error { return k.fetch(ctx, client, s.KeysURL) }
	}
	return k, nil
}

// resume has the file looked at, or the keys asked for, at once and again and again.
func (k *keys) resume() {
	k.locked(func() {
		if !k.closed {
			k.want()
		}
	})
	k.following.Begin(k.panics, "keys", k.follow)
}

// close lets those go on who wait for keys.
func (k *keys) close() {
	k.locked(func() { k.closed = true })
	k.following.Close()
	k.answered()
}

// locked runs f with the mutex held.
func (k *keys) locked(f func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	f()
}

// want has keys asked for, and returns what is closed then. The mutex is held.
func (k *keys) want() <-chan struct{} {
	if k.asking == nil {
		k.asking = make(chan struct{})
	}
	select {
	case k.wake <- struct{}{}:
	default: // it is about to
	}
	return k.asking
}

// fitting returns the keys that may have made a signature. If none is known, and wait allows it, they are asked for: the error is a *Pending.
func (k *keys) fitting(id, algorithm string, wait bool) (keyring, error) {
	ring := k.ring.Load()
	if ring != nil {
		if found := ring.fitting(id, algorithm); len(found) > 0 {
			return found, nil
		}
	}
	if wait {
		if asking := k.ask(time.Now()); asking != nil {
			return nil, &Pending{Done: asking}
		}
	}
	if ring == nil {
		return nil, ErrUnavailable
	}
	return nil, nil
}

// ask has keys asked for, unless that was just done, and returns what is closed then.
func (k *keys) ask(now time.Time) <-chan struct{} {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.asking != nil {
		return k.asking
	}
	if since := now.Sub(k.asked); k.closed || since >= 0 && since < min(askAgainAfter, k.refresh) {
		return nil
	}
	return k.want()
}

// follow asks when it is time, or somebody needs a key.
func (k *keys) follow(life context.Context) {
	failures := 0
	for {
		pause := k.refresh
		if failures > 0 {
			pause = min(pause, askAgainAfter<<min(failures-1, 5))
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-k.wake:
		case <-life.Done():
		}
		timer.Stop()
		k.begin()
		err := life.Err()
		if err == nil {
			err = k.panics.Attempt("keys", func() error { return k.read(life) })
		}
		k.answered()
		switch {
		case life.Err() != nil:
			return
		case err != nil:
			failures++
			k.told.Broken(err)
		default:
			failures = 0
		}
	}
}

// begin notes that keys are being asked for: whoever needs one from now on waits for these.
func (k *keys) begin() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.asking == nil {
		k.asking = make(chan struct{})
	}
	select {
	case <-k.wake: // it is served, too
	default:
	}
}

// answered lets those go on who wait for keys.
func (k *keys) answered() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.asked = time.Now()
	if k.asking != nil {
		close(k.asking)
		k.asking = nil
	}
}

func (k *keys) take(raw []byte) error {
	ring, err := parseKeys(raw)
	if err != nil {
		return err
	}
	k.ring.Store(&ring)
	return nil
}

func (k *keys) readFile(file *follower.File) error {
	content, info, err := file.Read()
	if err != nil {
		return err
	}
	const othersWrite = 0o022 // keys are public, but not everybody's to choose
	warning := ""
	if mode := info.Mode(); mode.Perm()&othersWrite != 0 {
		warning = follower.Exposed(file.Path, mode)
	}
	if content == nil {
		k.told.Warn(warning)
		return k.told.Last()
	}
	if err := k.take(content); err != nil {
		k.told.Warn(warning)
		return fmt.Errorf("%s: %w", follower.Readable(file.Path), err)
	}
	k.told.Taken(len(*k.ring.Load()), warning)
	return nil
}

// fetch asks a server for the keys. What it says beside them is not repeated.
func (k *keys) fetch(ctx context.Context, client *http.Client, address string) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return errors.New("the URL of the keys is none")
	}
	request.Header.Set("Accept", "application/jwk-set+json, application/json")
	where := follower.Readable(request.URL.Host)
	response, err := client.Do(request)
	if err != nil {
		if of, ok := errors.AsType[*url.Error](err); ok { // which has the whole URL
			err = of.Err
		}
		return fmt.Errorf("the keys cannot be had from %s: %w", where, err)
	}
	defer func() { _ = response.Body.Close() }() // it was only read
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the keys cannot be had from %s: it answers with status %d", where, response.StatusCode)
	}
	raw, err := io.ReadAll(io.LimitReader(response.Body, maxSet+1))
	switch {
	case err != nil:
		return fmt.Errorf("the keys from %s: the answer ends early: %w", where, err)
	case len(raw) > maxSet:
		return fmt.Errorf("the keys from %s: more than %d bytes", where, maxSet)
	}
	if err := k.take(raw); err != nil {
		return fmt.Errorf("the keys from %s: %w", where, err)
	}
	if sum := sha256.Sum256(raw); sum != k.sum || k.told.Last() != nil {
		k.sum = sum
		k.told.Taken(len(*k.ring.Load()), "")
	}
	return nil
}

// newClient is a client that does not go from https to http, nor on and on.
func newClient(of *http.Client) *http.Client {
	client := &http.Client{}
	if of != nil {
		*client = *of
	}
	if client.Transport == nil {
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.DisableKeepAlives = true // it asks every few minutes
		client.Transport = transport
	}
	client.CheckRedirect = func(next *http.Request, before []*http.Request) error {
		switch {
		case len(before) > maxRedirects:
			return errors.New("too many redirects")
		case before[0].URL.Scheme == "https" && next.URL.Scheme != "https":
			return errors.New("a redirect from https to http")
		}
		return nil
	}
	return client
}
