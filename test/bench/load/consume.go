package load

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// consumption is what the consumers of a job share.
type consumption struct {
	run     *frameRun
	readers []*consumer
	records atomic.Int64
	batches atomic.Int64
}

// connectConsumers makes the connections of all consumers: one to each address, for the topics that are there.
func connectConsumers(ctx context.Context, j *Job, dial DialFunc) (*consumption, error) {
	n := &consumption{run: &frameRun{ctx: ctx, failed: make(chan error, 1)}}
	for range j.Clients {
		for addr, topics := range j.destinations() {
			conn, err := dial(ctx, addr)
			if err != nil {
				return n, err
			}
			greeting := &connection{Conn: conn}
			n.readers = append(n.readers, newConsumer(conn, j, topics))
			if err := greeting.greet(j); err != nil {
				return n, err
			}
		}
	}
	return n, nil
}

func (n *consumption) close() {
	for _, r := range n.readers {
		_ = r.Close()
	}
}

// runConsume has consumers read what there is, as fast as it comes and again from the start when they are through.
func runConsume(ctx context.Context, j *Job, dial DialFunc, mark func()) (Result, error) {
	return runConsumers(ctx, j, dial, mark, true, (*consumer).start)
}

// runWait has consumers wait for records that do not come, each with a Fetch that the broker holds.
func runWait(ctx context.Context, j *Job, dial DialFunc, mark func()) (Result, error) {
	return runConsumers(ctx, j, dial, mark, false, (*consumer).seek)
}

// start stays at the start of all partitions.
func (r *consumer) start() error { return nil }

func runConsumers(ctx context.Context, j *Job, dial DialFunc, mark func(), again bool, begin func(*consumer) error) (Result, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	n, err := connectConsumers(ctx, j, dial)
	var work sync.WaitGroup
	end := func() {
		cancel()
		n.close()
		work.Wait()
	}
	defer end()
	if err != nil {
		return Result{}, err
	}
	for _, r := range n.readers {
		if err := begin(r); err != nil {
			return Result{}, err
		}
	}
	answered := make(chan struct{}, len(n.readers)) // one for each
	for _, r := range n.readers {
		work.Go(func() { n.run.fail(n.read(r, again, func() { answered <- struct{}{} })) })
	}
	for range n.readers {
		select {
		case <-answered:
		case err := <-n.run.failed:
			return Result{}, err
		case <-ctx.Done():
			return Result{}, ctx.Err()
		}
	}
	elapsed, err := j.phases(ctx, n.run.failed, func(on bool) {
		n.run.measuring.Store(on)
		mark()
	})
	if err != nil {
		return Result{}, err
	}
	end() // now nobody counts any more
	return n.result(j, elapsed), nil
}

func (n *consumption) result(j *Job, elapsed time.Duration) Result {
	records := n.records.Load()
	return Result{Batches: n.batches.Load(), Records: records, Bytes: records * int64(j.RecordBytes), Seconds: elapsed.Seconds()}
}

// read asks until the run ends, and says when it has had its first answer: so it has all connections that it needs.
func (n *consumption) read(r *consumer, again bool, answered func()) error {
	first := sync.OnceFunc(answered)
	for n.run.ctx.Err() == nil {
		if err := r.fetch(again, func(records int64, _ []byte) {
			if n.run.measuring.Load() {
				n.batches.Add(1)
				n.records.Add(records)
			}
		}); err != nil {
			return err
		}
		first()
	}
	return nil
}
