package load

import (
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/test/rawkafka"
)

// User and Password are those of clients that log in.
const (
	User     = "bench"
	Password = "a password for the benchmark"
)

// loggingIn is dial for clients that log in, by PLAIN, before they do anything else.
func loggingIn(dial DialFunc) DialFunc {
	return func(ctx context.Context, addr string) (net.Conn, error) {
		c, err := dial(ctx, addr)
		if err != nil {
			return nil, err
		}
		if err := logIn(c); err != nil {
			_ = c.Close()
			return nil, err
		}
		return c, nil
	}
}

func logIn(c net.Conn) error {
	handshake := kmsg.NewPtrSASLHandshakeRequest()
	handshake.Version, handshake.Mechanism = 1, "PLAIN"
	authenticate := kmsg.NewPtrSASLAuthenticateRequest()
	authenticate.Version, authenticate.SASLAuthBytes = 2, []byte("\x00"+User+"\x00"+Password)
	for i, r := range []kmsg.Request{handshake, authenticate} {
		if _, err := c.Write(rawkafka.Frame(clientID, int32(i), r)); err != nil {
			return err
		}
		_, answer, err := rawkafka.ReadAnswer(c, r)
		if err != nil {
			return fmt.Errorf("%s: %w", kmsg.NameForKey(r.Key()), err)
		}
		var code int16
		switch answer := answer.(type) {
		case *kmsg.SASLHandshakeResponse:
			code = answer.ErrorCode
		case *kmsg.SASLAuthenticateResponse:
			code = answer.ErrorCode
		}
		if err := kerr.ErrorForCode(code); err != nil {
			return fmt.Errorf("%s: %w", kmsg.NameForKey(r.Key()), err)
		}
	}
	return nil
}

// runLogins has clients connect, log in and hang up, again and again, so many in a second. What is counted as a batch is a login.
func runLogins(ctx context.Context, j *Job, dial DialFunc, mark func()) (Result, error) {
	ctx, cancel := context.WithCancel(ctx)
	var work sync.WaitGroup
	end := func() {
		cancel()
		work.Wait()
	}
	defer end()
	var measuring atomic.Bool
	var logins atomic.Int64
	failed := make(chan error, j.Clients)
	due := make(chan struct{}, j.Clients)
	work.Go(func() { remind(ctx, j.Rate, due) })
	for i := range j.Clients {
		addr := j.To[i%len(j.To)].Addr
		work.Go(func() {
			for next(ctx, due) {
				c, err := dial(ctx, addr)
				if err != nil {
					failed <- err
					return
				}
				_ = c.Close()
				if measuring.Load() {
					logins.Add(1)
				}
			}
		})
	}
	elapsed, err := j.phases(ctx, failed, func(on bool) {
		measuring.Store(on)
		mark()
	})
	if err != nil {
		return Result{}, err
	}
	end()
	return Result{Batches: logins.Load(), Seconds: elapsed.Seconds()}, nil
}

// next waits for what is due; it reports false when nothing is any more.
func next(ctx context.Context, due <-chan struct{}) bool {
	select {
	case <-due:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// remind puts something into due, so often in a second; what nobody takes in time is left out.
func remind(ctx context.Context, rate float64, due chan<- struct{}) {
	const often = 5 * time.Millisecond
	ticks := time.NewTicker(often)
	defer ticks.Stop()
	start := time.Now()
	for sent := 0; ; {
		select {
		case <-ticks.C:
		case <-ctx.Done():
			return
		}
		for ; float64(sent) < rate*time.Since(start).Seconds(); sent++ {
			select {
			case due <- struct{}{}:
			default:
			}
		}
	}
}
