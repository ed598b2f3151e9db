package load

import (
	"context"
	"encoding/binary"
	"slices"
	"sync"
	"time"
)

// runFollow has consumers wait at the end of all partitions, while one producer sends batches of one record at a rate. A latency is from
// when a record was due to be sent until a consumer has it.
func runFollow(ctx context.Context, j *Job, dial DialFunc, mark func()) (Result, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	consumption, err := connectConsumers(ctx, j, dial)
	producers := &frameRun{ctx: ctx, open: true, stamped: true, failed: consumption.run.failed}
	var conns []*connection
	var work sync.WaitGroup
	end := func() {
		cancel()
		consumption.close()
		endRun(cancel, conns, &work)
	}
	defer end()
	if err != nil {
		return Result{}, err
	}
	f := &following{consumption: consumption, recordBytes: j.RecordBytes}
	if err := f.begin(&work); err != nil {
		return Result{}, err
	}
	one := *j
	one.Clients, one.BatchBytes = 1, j.RecordBytes
	if conns, _, err = producers.connect(&one, dial); err != nil {
		return Result{}, err
	}
	for _, c := range conns {
		first := c.next
		work.Go(func() { producers.fail(c.read(first)) })
	}
	work.Go(func() { producers.fail(producers.pace(conns, j.Rate)) })
	elapsed, err := j.phases(ctx, consumption.run.failed, func(on bool) {
		consumption.run.measuring.Store(on)
		mark()
	})
	if err != nil {
		return Result{}, err
	}
	end() // now nobody counts any more
	result := consumption.result(j, elapsed)
	result.take(consumption.run.latencies)
	return result, nil
}

// following is what the consumers of a job share that follow a producer.
type following struct {
	*consumption

	recordBytes int
}

// begin has all consumers wait at the end of their partitions.
func (f *following) begin(work *sync.WaitGroup) error {
	for _, r := range f.readers {
		if err := r.seek(); err != nil {
			return err
		}
		work.Go(func() { f.run.fail(f.read(r)) })
	}
	return nil
}

// read asks until the run ends, and notes how old each record is.
func (f *following) read(r *consumer) error {
	var latencies []int64
	defer func() {
		f.run.mu.Lock()
		defer f.run.mu.Unlock()
		f.run.latencies = append(f.run.latencies, latencies...)
	}()
	for f.run.ctx.Err() == nil {
		if err := r.fetch(false, func(records int64, batch []byte) {
			if !f.run.measuring.Load() {
				return
			}
			f.batches.Add(1)
			f.records.Add(records)
			latencies = append(latencies, int64(time.Since(epoch))-stampIn(batch, f.recordBytes))
		}); err != nil {
			return err
		}
	}
	return nil
}

// stampIn is what stamp has written into a batch of one record.
func stampIn(batch []byte, recordBytes int) int64 {
	return int64(binary.BigEndian.Uint64(batch[len(batch)-1-recordBytes:]))
}

// take notes latencies, in nanoseconds.
func (r *Result) take(latencies []int64) {
	if len(latencies) == 0 {
		return
	}
	slices.Sort(latencies)
	r.P50, r.P90 = quantile(latencies, 0.5), quantile(latencies, 0.9)
	r.P99, r.P999, r.Max = quantile(latencies, 0.99), quantile(latencies, 0.999), quantile(latencies, 1)
}
