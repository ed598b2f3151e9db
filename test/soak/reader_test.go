package soak

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// reader reads the topics of writers straight from their cluster, and finds what is lost, doubled, reordered or changed.
type reader struct {
	client *kgo.Client
	lanes  map[string]*lane // by topic
	faults *faults
}

// lane is a writer and how many of its records have been read.
type lane struct {
	writer *writer
	next   [partitions]atomic.Int64
}

func newReader(brokers string, writers []*writer, f *faults) (*reader, error) {
	r := &reader{lanes: map[string]*lane{}, faults: f}
	from := map[string]map[int32]kgo.Offset{}
	for _, w := range writers {
		r.lanes[w.topic] = &lane{writer: w}
		from[w.topic] = map[int32]kgo.Offset{}
		for p := range int32(partitions) {
			from[w.topic][p] = kgo.NewOffset().At(0)
		}
	}
	var err error
	r.client, err = kgo.NewClient(kgo.SeedBrokers(brokers), kgo.ConsumePartitions(from), kgo.ConsumeResetOffset(kgo.NoResetOffset()),
		kgo.FetchMinBytes(1<<20), kgo.FetchMaxWait(time.Second)) // a second's records at once: it costs less
	return r, err
}

// run reads until ctx ends.
func (r *reader) run(ctx context.Context) {
	defer r.client.Close()
	for {
		fetches := r.client.PollFetches(ctx)
		if ctx.Err() != nil {
			return
		}
		fetches.EachError(func(topic string, partition int32, err error) {
			r.faults.add("read %s/%d: %v", topic, partition, err)
		})
		fetches.EachRecord(r.check)
	}
}

func (r *reader) check(got *kgo.Record) {
	next := &r.lanes[got.Topic].next[got.Partition]
	if want := next.Load(); got.Offset != want {
		r.faults.add("%s/%d: offset %d comes where %d was due", got.Topic, got.Partition, got.Offset, want)
	}
	if want := value(got.Topic, got.Partition, got.Offset); !bytes.Equal(got.Value, want) {
		r.faults.add("%s/%d: offset %d holds %.60q, want %.60q", got.Topic, got.Partition, got.Offset, got.Value, want)
	}
	next.Store(got.Offset + 1)
}

// awaitAll waits until all that was acknowledged has been read, when nothing is written any more.
func (r *reader) awaitAll(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		err := r.behind()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// behind says what was acknowledged and has not been read.
func (r *reader) behind() (err error) {
	for topic, l := range r.lanes {
		for p := range partitions {
			if told, read := l.writer.acknowledged[p].Load(), l.next[p].Load(); read != told {
				err = errors.Join(err, fmt.Errorf("%s/%d: %d records are acknowledged, %d stored", topic, p, told, read))
			}
		}
	}
	return err
}

// count is how many records have been read.
func (r *reader) count() (n int64) {
	for _, l := range r.lanes {
		for p := range partitions {
			n += l.next[p].Load()
		}
	}
	return n
}
