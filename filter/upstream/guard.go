package upstream

import (
	"context"
	"errors"
	"runtime/debug"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// errInternal stands for a panic, which is a bug of ours: it is logged and counted, and costs no more than an error would.
var errInternal = errors.New("internal error")

// spawn runs f on a goroutine that Close waits for.
func (p *Pool) spawn(name string, f func()) {
	p.work.Go(func() { p.guard(name, f) })
}

// keep is spawn for what has to go on as long as the pool: after a panic f is called again.
func (p *Pool) keep(name string, f func() error) {
	p.spawn(name, func() {
		again := true
		for again {
			again = errors.Is(p.attempt(name, f), errInternal) && p.pause(p.settings.ReconnectBackoffMax)
		}
	})
}

// after has f called on a goroutine of its own when d has passed.
func (p *Pool) after(d time.Duration, name string, f func()) *time.Timer {
	return time.AfterFunc(d, func() { p.guard(name, f) })
}

// pause waits and reports whether the pool still runs.
func (p *Pool) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-p.ctx.Done():
		return false
	}
}

// locked runs f with the pool's mutex held. A panic must not leave it locked: a host's threads wait for it.
func (p *Pool) locked(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
}

// guard runs f. A panic in f ends f, and not the process, which is not ours.
func (p *Pool) guard(name string, f func()) {
	_ = p.attempt(name, func() error { f(); return nil })
}

// attempt is guard for what can fail: a panic is errInternal.
func (p *Pool) attempt(name string, f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			p.stats.Panics.Add(1)
			p.log.Error("panic recovered; please report it", "in", name, "panic", r, "stack", string(debug.Stack()))
			err = errInternal
		}
	}()
	return f()
}

// answerAll tells those who asked. A panic of one of them is not the others'.
func (p *Pool) answerAll(asks []ask, got map[string]wire.Topic, listed []wire.Topic) {
	for _, a := range asks {
		p.guard("answer", func() { a.done(p.answer(a, got, listed)) })
	}
}

// finish counts n batches of a call as done. A panic of who is told is not the other clients'.
func (p *Pool) finish(r *produce, n int, throttle int32) {
	p.guard("answer", func() { r.group.finish(n, throttle) })
}

// guardedClient is a Client whose panics are errors.
type guardedClient struct {
	Client

	pool *Pool
}

var _ Client = guardedClient{}

// Dial implements Client.
func (c guardedClient) Dial(ctx context.Context, addr string) (link Link, err error) {
	err = c.pool.attempt("dial", func() error {
		link, err = c.Client.Dial(ctx, addr)
		return err
	})
	if hangUp := link.Close; hangUp != nil {
		link.Close = func() { c.pool.guard("hang up", hangUp) }
	}
	return link, err
}

// Metadata implements Client.
func (c guardedClient) Metadata(ctx context.Context, topics []string, create bool) (m Metadata, err error) {
	err = c.pool.attempt("ask for metadata", func() error {
		m, err = c.Client.Metadata(ctx, topics, create)
		return err
	})
	return m, err
}

// Close implements Client.
func (c guardedClient) Close() { c.pool.guard("close", c.Client.Close) }
