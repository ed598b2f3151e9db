package load

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/test/rawkafka"
)

// runNewcomers has clients connect, log in if they are to, ask for versions and hang up, again and again, so many in a second. What is
// counted as a batch is one of them that was answered.
func runNewcomers(ctx context.Context, j *Job, dial DialFunc, mark func()) (Result, error) {
	ctx, cancel := context.WithCancel(ctx)
	var work sync.WaitGroup
	end := func() {
		cancel()
		work.Wait()
	}
	defer end()
	var measuring atomic.Bool
	var came atomic.Int64
	failed := make(chan error, j.Clients)
	due := make(chan struct{}, j.Clients)
	work.Go(func() { remind(ctx, j.Rate, due) })
	for i := range j.Clients {
		addr := j.To[i%len(j.To)].Addr
		work.Go(func() {
			for next(ctx, due) {
				if err := comeAndGo(ctx, dial, addr); err != nil {
					failed <- err
					return
				}
				if measuring.Load() {
					came.Add(1)
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
	return Result{Batches: came.Load(), Seconds: elapsed.Seconds()}, nil
}

// comeAndGo is what one of them does.
func comeAndGo(ctx context.Context, dial DialFunc, addr string) error {
	c, err := dial(ctx, addr)
	if err != nil {
		return err
	}
	return errors.Join(askVersions(c), c.Close())
}

func askVersions(c net.Conn) error {
	r := rawkafka.APIVersions(clientID, "1")
	if _, err := c.Write(rawkafka.Frame(clientID, 0, r)); err != nil {
		return err
	}
	if _, err := rawkafka.ReadFrame(c, nil); err != nil {
		return fmt.Errorf("%s: %w", kmsg.NameForKey(r.Key()), err)
	}
	return nil
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

// remind puts something into due, so often in a second on average and each by chance, as clients come that do not know of each other. Evenly
// they would keep step with requests at a rate. What nobody takes in time is left out.
func remind(ctx context.Context, rate float64, due chan<- struct{}) {
	runtime.LockOSThread() // as pace
	chance := rand.New(rand.NewPCG(1, 1))
	for at := float64(time.Since(epoch)); ctx.Err() == nil; at += chance.ExpFloat64() / rate * 1e9 {
		sleepUntil(int64(at))
		select {
		case due <- struct{}{}:
		default:
		}
	}
}
