package load

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/test/rawkafka"
)

// connection is one that a Frames client has, to a proxy or to a cluster. One goroutine writes and another reads.
type connection struct {
	net.Conn

	frames     []frame // one for each topic that is produced to here
	partitions int32
	next       int32      // the next correlation id
	due        chan int64 // for each request without an answer, when it was due; its capacity is the window
	run        *frameRun
}

// frameRun is what the connections of a job share.
type frameRun struct {
	ctx       context.Context //nolint:containedctx // the run's own
	measuring atomic.Bool
	open      bool // a rate is given: latencies count
	stamped   bool // records say when they were due
	batches   atomic.Int64
	failed    chan error

	mu        sync.Mutex
	latencies []int64 // nanoseconds
}

// endRun has what a run does come to its end, and waits for that.
func endRun(cancel context.CancelFunc, conns []*connection, work *sync.WaitGroup) {
	cancel()
	for _, c := range conns {
		_ = c.Close()
	}
	work.Wait()
}

func runFrames(ctx context.Context, j *Job, dial DialFunc, mark func()) (Result, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	run := &frameRun{ctx: ctx, open: j.Rate > 0, failed: make(chan error, 1)}
	conns, records, err := run.connect(j, dial)
	var work sync.WaitGroup
	end := func() { endRun(cancel, conns, &work) }
	defer end()
	if err != nil {
		return Result{}, err
	}
	for _, c := range conns {
		first := c.next
		work.Go(func() { run.fail(c.read(first)) })
		if !run.open {
			work.Go(func() { run.fail(c.write()) })
		}
	}
	if run.open {
		work.Go(func() { run.fail(run.pace(conns, j.Rate)) })
	}
	elapsed, err := j.phases(ctx, run.failed, func(on bool) {
		run.measuring.Store(on)
		mark()
	})
	if err != nil {
		return Result{}, err
	}
	end() // now nobody counts any more
	n := run.batches.Load()
	result := Result{Batches: n, Records: n * records, Bytes: n * records * int64(j.RecordBytes), Seconds: elapsed.Seconds()}
	result.take(run.latencies)
	return result, nil
}

// quantile is in microseconds: the least latency that is above a share q of all, or the greatest.
func quantile(sorted []int64, q float64) float64 {
	return float64(sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]) / 1000
}

func (r *frameRun) fail(err error) {
	if over(r.ctx, err) {
		return
	}
	select {
	case r.failed <- err:
	default:
	}
}

// connect makes the connections of all clients: one to each address. records is how many a batch has.
func (r *frameRun) connect(j *Job, dial DialFunc) (conns []*connection, records int64, err error) {
	batch, records := newBatch(j.BatchBytes, j.RecordBytes)
	window := j.InFlight
	if r.open {
		window = 1 << 16 // who sends at a rate waits for nobody
	}
	for i := range j.Clients {
		to := map[string]*connection{}
		for _, d := range j.To {
			c := to[d.Addr]
			if c == nil {
				conn, err := dial(r.ctx, d.Addr)
				if err != nil {
					return conns, 0, err
				}
				c = &connection{Conn: conn, partitions: j.Partitions, due: make(chan int64, window), run: r, next: int32(i)}
				to[d.Addr] = c
				conns = append(conns, c)
			}
			c.frames = append(c.frames, newFrame(d.Topic, j.Acks, batch, records, j.RecordBytes))
		}
		for _, c := range to {
			if err := c.greet(j); err != nil {
				return conns, 0, err
			}
		}
	}
	return conns, records, nil
}

// greet asks for versions and metadata, as every client does first.
func (c *connection) greet(j *Job) error {
	var topics []string
	for _, d := range j.To {
		topics = append(topics, d.Topic)
	}
	for i, r := range []kmsg.Request{rawkafka.APIVersions(clientID, "1"), rawkafka.Metadata(topics...)} {
		if _, err := c.Write(rawkafka.Frame(clientID, int32(i), r)); err != nil {
			return err
		}
		if _, err := rawkafka.ReadFrame(c, nil); err != nil {
			return fmt.Errorf("%s: %w", kmsg.NameForKey(r.Key()), err)
		}
	}
	return nil
}

// send writes the next request.
func (c *connection) send(due int64) error {
	f := &c.frames[int(c.next)%len(c.frames)]
	f.number(c.next, c.next/int32(len(c.frames))%c.partitions)
	if c.run.stamped {
		f.stamp(due)
	}
	c.next = (c.next + 1) & 0x7fffffff
	select {
	case c.due <- due:
	case <-c.run.ctx.Done():
		return nil
	}
	_, err := c.Write(f.bytes)
	return err
}

// write sends as fast as the window allows.
func (c *connection) write() error {
	for c.run.ctx.Err() == nil {
		if err := c.send(0); err != nil {
			return err
		}
	}
	return nil
}

// read takes the answers, the first of which is to the request with the given number.
func (c *connection) read(correlation int32) error {
	r := bufio.NewReaderSize(c, 4<<10)
	var body []byte
	var latencies []int64
	defer func() {
		c.run.mu.Lock()
		defer c.run.mu.Unlock()
		c.run.latencies = append(c.run.latencies, latencies...)
	}()
	for ; ; correlation = (correlation + 1) & 0x7fffffff {
		var err error
		if body, err = rawkafka.ReadFrame(r, body); err != nil {
			return err
		}
		if err := checkAnswer(body, correlation); err != nil {
			return err
		}
		due := <-c.due
		if !c.run.measuring.Load() {
			continue
		}
		c.run.batches.Add(1)
		if c.run.open {
			latencies = append(latencies, int64(time.Since(epoch))-due)
		}
	}
}

// epoch is what latencies are reckoned from.
//
//nolint:gochecknoglobals // a constant that has to be computed
var epoch = time.Now()

// pace sends requests when they are due, one connection after the other, whether earlier ones are answered or not. A request
// that is sent late, because the one before took long, counts from when it was due.
func (r *frameRun) pace(conns []*connection, rate float64) error {
	runtime.LockOSThread() // Go's timers are a millisecond coarse; the kernel's are not
	start := int64(time.Since(epoch))
	for i := 0; r.ctx.Err() == nil; i++ {
		due := start + int64(float64(i)/rate*1e9)
		sleepUntil(due)
		if err := conns[i%len(conns)].send(due); err != nil {
			return err
		}
	}
	return nil
}

// sleepUntil waits until a time since the epoch.
func sleepUntil(due int64) {
	if wait := due - int64(time.Since(epoch)); wait > 0 {
		t := syscall.NsecToTimespec(wait)
		_ = syscall.Nanosleep(&t, nil) // an early wake-up does no harm
	}
}
