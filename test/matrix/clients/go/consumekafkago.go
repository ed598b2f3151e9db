package main

import (
	"context"
	"errors"
	"time"

	"github.com/segmentio/kafka-go"
)

// pollWait is how long a poll waits for records, and with it the end of a reader. It would be ten seconds.
const pollWait = time.Second

func consumeKafkaGo(ctx context.Context, bootstrap string, j *job) error {
	if j.group == "" {
		return assignKafkaGo(ctx, bootstrap, j)
	}
	r := kafka.NewReader(kafka.ReaderConfig{
		Brokers: []string{bootstrap}, GroupID: j.group, GroupTopics: j.names, StartOffset: kafka.FirstOffset, MaxWait: pollWait,
	})
	var read []kafka.Message
	for more := true; more; {
		m, err := r.FetchMessage(ctx)
		if err != nil {
			return errors.Join(err, r.Close())
		}
		read = append(read, m)
		more = j.record(m.Topic, int32(m.Partition), m.Offset, m.Key, m.Value)
	}
	return errors.Join(r.CommitMessages(ctx, read...), r.Close())
}

// assignKafkaGo has a reader for each partition.
func assignKafkaGo(ctx context.Context, bootstrap string, j *job) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error)
	for _, topic := range j.names {
		for p := range partitions {
			go func() { ended <- readKafkaGo(ctx, cancel, bootstrap, j, topic, p) }()
		}
	}
	var err error
	for range len(j.names) * partitions {
		err = errors.Join(err, <-ended)
	}
	if j.seen < j.count {
		return errors.Join(err, ctx.Err())
	}
	return nil // those that were ended say so
}

// readKafkaGo reads a partition until somebody has read the last record.
func readKafkaGo(ctx context.Context, done func(), bootstrap string, j *job, topic string, partition int) error {
	r := kafka.NewReader(kafka.ReaderConfig{Brokers: []string{bootstrap}, Topic: topic, Partition: partition, MaxWait: pollWait})
	err := r.SetOffset(0)
	for err == nil {
		var m kafka.Message
		if m, err = r.FetchMessage(ctx); err == nil && !j.record(topic, int32(partition), m.Offset, m.Key, m.Value) {
			done()
		}
	}
	return errors.Join(err, r.Close())
}
