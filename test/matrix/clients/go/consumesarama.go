package main

import (
	"context"
	"errors"
	"log"
	"os"
	"sync"

	"github.com/IBM/sarama"
)

func consumeSaramaJob(ctx context.Context, bootstrap string, j *job) error {
	sarama.Logger = log.New(os.Stderr, "", log.Lmicroseconds)
	config := sarama.NewConfig()
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	client, err := sarama.NewClient([]string{bootstrap}, config)
	if err != nil {
		return err
	}
	defer client.Close()
	if j.group == "" {
		return assignSarama(ctx, client, j)
	}
	group, err := sarama.NewConsumerGroupFromClient(j.group, client)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for err == nil && j.seen < j.count { // again after each rebalance
		if err = ctx.Err(); err == nil {
			err = group.Consume(ctx, j.names, &jobHandler{job: j, cancel: cancel})
		}
	}
	return errors.Join(err, group.Close())
}

// jobHandler takes the records of a job in a group. A session commits when it ends.
type jobHandler struct {
	*job

	cancel context.CancelFunc
}

func (*jobHandler) Setup(sarama.ConsumerGroupSession) error   { return nil }
func (*jobHandler) Cleanup(sarama.ConsumerGroupSession) error { return nil }

func (h *jobHandler) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for m := range claim.Messages() {
		more := h.record(m.Topic, m.Partition, m.Offset, m.Key, m.Value)
		session.MarkMessage(m, "")
		if !more {
			h.cancel()
		}
	}
	return nil
}

func assignSarama(ctx context.Context, client sarama.Client, j *job) error {
	c, err := sarama.NewConsumerFromClient(client)
	if err != nil {
		return err
	}
	defer c.Close()
	ctx, done := context.WithCancel(ctx)
	defer done()
	var wg sync.WaitGroup
	for _, topic := range j.names {
		for p := range int32(partitions) {
			from, err := c.ConsumePartition(topic, p, 0)
			if err != nil {
				return err
			}
			wg.Go(func() {
				defer from.Close()
				readSarama(ctx, done, from, j)
			})
		}
	}
	wg.Wait()
	if j.seen < j.count {
		return ctx.Err()
	}
	return nil
}

// readSarama reads a partition until somebody has read the last record.
func readSarama(ctx context.Context, done func(), from sarama.PartitionConsumer, j *job) {
	for {
		select {
		case m := <-from.Messages():
			if !j.record(m.Topic, m.Partition, m.Offset, m.Key, m.Value) {
				done()
			}
		case <-ctx.Done():
			return
		}
	}
}
