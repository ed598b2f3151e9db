package admin

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"
)

const (
	// retryInterval is how often an address that is taken is tried again.
	retryInterval = time.Second
	// handOverTimeout bounds the question whether who has the address would give it up.
	handOverTimeout = time.Second
	// handOverPause is how long a successor has to take the address.
	handOverPause = 3 * time.Second
	// handOverPath is where a process that drains gives its address up to its successor.
	handOverPath = "/handover"
)

// Places are the servers of a process that is not ours, by address: meshes that ask for the same one share it, so that a new version
// of a mesh has it before the old one has let go. Its methods may be called from any goroutine, and do not wait.
type Places struct {
	board   *Board
	options Options

	mu sync.Mutex
	at map[string]*place
}

// place is an address that somebody wants.
type place struct {
	address string
	end     context.CancelFunc
	wanted  int
	// profiles is how many of those who want it want Go's profiles.
	profiles int
}

// NewPlaces returns places whose servers have these options, but for the profiles.
func NewPlaces(b *Board, o Options) *Places {
	return &Places{board: b, options: o, at: map[string]*place{}}
}

// Open has the address served until release is called, once. An address that is taken is tried again until it is free: it may be that of
// the process that this one takes over from.
func (ps *Places) Open(address string, profiles bool) (release func()) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	p := ps.at[address]
	if p == nil {
		ctx, end := context.WithCancel(context.Background())
		p = &place{address: address, end: end}
		ps.at[address] = p
		go ps.run(ctx, p)
	}
	p.wanted++
	if profiles {
		p.profiles++
	}
	return sync.OnceFunc(func() { ps.release(p, profiles) })
}

func (ps *Places) release(p *place, profiles bool) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if profiles {
		p.profiles--
	}
	if p.wanted--; p.wanted == 0 {
		delete(ps.at, p.address)
		p.end()
	}
}

// run serves a place until nobody wants it any more.
func (ps *Places) run(ctx context.Context, p *place) {
	defer ps.board.recover("server")
	for ctx.Err() == nil {
		l := ps.listen(ctx, p.address)
		if l == nil {
			return
		}
		if ps.serve(ctx, p, l) {
			pause(ctx, handOverPause)
		}
	}
}

// pause waits, or until the place is not wanted any more.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// serve serves a place, until it is not wanted any more or, and so it says, a successor has got it.
func (ps *Places) serve(ctx context.Context, p *place, l net.Listener) (handedOver bool) {
	o := ps.options
	o.Profiles = func() bool {
		ps.mu.Lock()
		defer ps.mu.Unlock()
		return p.profiles > 0
	}
	given := make(chan struct{})
	o.handOver = sync.OnceFunc(func() {
		_ = l.Close() // before the successor is told
		close(given)
	})
	s := New(ps.board, o)
	s.Serve(l)
	ps.options.Log.Info("the admin listener is there", "address", l.Addr())
	select {
	case <-ctx.Done():
	case <-given:
		ps.options.Log.Info("the admin listener's address was handed over to a successor", "address", l.Addr())
		handedOver = true
	}
	s.Close()
	return handedOver
}

// listen listens as soon as the address is free; nil: it is not wanted any more.
func (ps *Places) listen(ctx context.Context, address string) net.Listener {
	said, asked := "", false
	ticker := time.NewTicker(retryInterval)
	defer ticker.Stop()
	for {
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
		if err == nil {
			return l
		}
		if err.Error() != said && ctx.Err() == nil {
			said = err.Error()
			ps.options.Log.Warn("the admin listener's address cannot be had; trying on", "address", address, "error", err)
		}
		if !asked && errors.Is(err, syscall.EADDRINUSE) && askForHandOver(ctx, address) {
			asked = true // it closes its listener before it answers; somebody else may answer so too, and keep it
			continue
		}
		asked = false
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// askForHandOver asks who has the address to give it up, and says whether it does.
func askForHandOver(ctx context.Context, address string) bool {
	ctx, cancel := context.WithTimeout(ctx, handOverTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+address+handOverPath, http.NoBody)
	if err != nil {
		return false
	}
	req.Close = true
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		return false
	}
	defer func() { _ = resp.Body.Close() }() // nothing in it matters
	_, _ = io.CopyN(io.Discard, resp.Body, maxBody)
	return resp.StatusCode == http.StatusNoContent
}

// handOver gives the address up to a successor, if this process is about to end.
func (r *routes) handOver(w http.ResponseWriter, _ *http.Request) {
	if _, draining := r.board.all(); !draining || r.Options.handOver == nil {
		plain(w, http.StatusConflict, "this process is not about to end")
		return
	}
	r.Options.handOver()
	w.WriteHeader(http.StatusNoContent)
}
