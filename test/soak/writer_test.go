package soak

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	partitions   = 2
	perPartition = 5 // records at once
	tick         = 250 * time.Millisecond
	mostOpen     = 500              // records of a partition that have no answer yet
	clientLife   = 40 * time.Second // of one client, about; then another goes on
	patience     = 2 * time.Minute  // for what has been written to be acknowledged and read
)

// writer is an idempotent producer of a topic of its own, so that the record at offset n is number n. What it was told is compared at
// once, and what is stored is compared by the reader as it comes: none of them remembers more than a number for a partition.
type writer struct {
	addr, topic  string
	acknowledged [partitions]atomic.Int64 // how many
	faults       *faults
}

// value is the content of a record.
func value(topic string, partition int32, number int64) []byte {
	head := fmt.Sprintf("%s/%d %d ", topic, partition, number)
	size := 100 + int(number*7919%400)
	fill := strconv.FormatInt(number*1_000_003, 36)
	return append([]byte(head), bytes.Repeat([]byte(fill), size/len(fill))...)
}

// run writes until ctx ends, then waits for what has no answer yet.
func (w *writer) run(ctx context.Context) {
	var next [partitions]int64
	for ctx.Err() == nil {
		if err := w.runClient(ctx, &next); err != nil {
			w.faults.add("%s: %v", w.topic, err)
			return
		}
	}
}

// runClient writes with one client for as long as one lives.
func (w *writer) runClient(ctx context.Context, next *[partitions]int64) error {
	client, err := kgo.NewClient(
		kgo.SeedBrokers(w.addr), kgo.ClientID(w.topic), kgo.DefaultProduceTopic(w.topic), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.ProduceRequestTimeout(10*time.Second),
	)
	if err != nil {
		return err
	}
	defer client.Close()
	ticks := time.NewTicker(tick)
	defer ticks.Stop()
	life := time.After(clientLife/2 + rand.N(clientLife))
	for alive := true; alive; {
		for p := range int32(partitions) {
			for range perPartition {
				if next[p]-w.acknowledged[p].Load() < mostOpen {
					w.send(client, p, next[p])
					next[p]++
				}
			}
		}
		select {
		case <-ticks.C:
		case <-life:
			alive = false
		case <-ctx.Done():
			alive = false
		}
	}
	flush, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	return client.Flush(flush)
}

func (w *writer) send(client *kgo.Client, partition int32, number int64) {
	r := &kgo.Record{Partition: partition, Value: value(w.topic, partition, number)}
	client.Produce(context.Background(), r, func(r *kgo.Record, err error) { w.told(partition, number, r.Offset, err) })
}

// told compares the answer for a record with what it has to be.
func (w *writer) told(partition int32, number, offset int64, err error) {
	switch before := w.acknowledged[partition].Swap(number + 1); {
	case err != nil:
		w.faults.add("%s/%d: number %d was given up: %v", w.topic, partition, number, err)
	case offset != number:
		w.faults.add("%s/%d: number %d was told offset %d", w.topic, partition, number, offset)
	case before != number:
		w.faults.add("%s/%d: number %d was acknowledged when %d was due", w.topic, partition, number, before)
	}
}
