package load

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/test/rawkafka"
)

// fetchVersion is that of Reads' requests: the last that names topics, and is not flexible.
const fetchVersion = 11

// runReads has consumers that ask for a batch of one partition after another, look at nothing, and ask again: one request at a time on each
// connection, as consumers do.
func runReads(ctx context.Context, j *Job, dial DialFunc, mark func()) (Result, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	run := &frameRun{ctx: ctx, failed: make(chan error, 1)}
	conns, _, err := run.connect(j, dial)
	var work sync.WaitGroup
	end := func() { endRun(cancel, conns, &work) }
	defer end()
	if err != nil {
		return Result{}, err
	}
	var topics []string
	for _, d := range j.To {
		topics = append(topics, d.Topic)
	}
	for _, c := range conns {
		work.Go(func() { run.fail(c.fetch(j, topics)) })
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
	return Result{Batches: n, Records: n, Bytes: n * int64(j.BatchBytes), Seconds: elapsed.Seconds()}, nil
}

// fetch asks for batches until the run ends.
func (c *connection) fetch(j *Job, topics []string) error {
	p := kmsg.NewFetchRequestTopicPartition()
	p.PartitionMaxBytes = int32(j.BatchBytes)
	r := kmsg.NewPtrFetchRequest()
	r.SetVersion(fetchVersion)
	r.MaxWaitMillis, r.MinBytes, r.MaxBytes, r.SessionEpoch = 500, 1, int32(j.BatchBytes), -1
	from := bufio.NewReaderSize(c, 64<<10)
	for i := int32(0); c.run.ctx.Err() == nil; i++ {
		p.Partition, p.FetchOffset = i/int32(len(topics))%j.Partitions, int64(i)
		r.Topics = []kmsg.FetchRequestTopic{{
			Topic: topics[int(i)%len(topics)], Partitions: []kmsg.FetchRequestTopicPartition{p},
		}}
		if _, err := c.Write(rawkafka.Frame(clientID, i, r)); err != nil {
			return err
		}
		if err := skipAnswer(from, i, j.BatchBytes); err != nil {
			return err
		}
		if c.run.measuring.Load() {
			c.run.batches.Add(1)
		}
	}
	return nil
}

// skipAnswer reads an answer that should hold so many bytes of records, and little else, without keeping it.
func skipAnswer(r *bufio.Reader, correlation int32, records int) error {
	var head [8]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return err
	}
	size := int(binary.BigEndian.Uint32(head[:]))
	if got := int32(binary.BigEndian.Uint32(head[4:])); got != correlation {
		return fmt.Errorf("an answer to request %d, not to %d", got, correlation)
	}
	if size < records {
		return errors.New("an answer without records")
	}
	_, err := r.Discard(size - 4)
	return err
}
