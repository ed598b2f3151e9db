package saramaclient

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/IBM/sarama"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// metadataVersion is the newest Metadata that sarama speaks: topic ids from 10 on.
const metadataVersion = 11

// Metadata asks the broker in use, or the first other one that answers: those that the cluster last named, then the
// bootstrap servers.
func (c *Client) Metadata(ctx context.Context, topics []string, create bool) (upstream.Metadata, error) {
	var failures []error
	if c.outdated.Swap(false) {
		c.drop()
	}
	if c.broker != nil {
		answer, err := c.ask(ctx, topics, create)
		if err == nil {
			return answer, nil
		}
		failures = append(failures, err)
	}
	candidates := c.candidates(ctx)
	for i, addr := range candidates {
		if ctx.Err() != nil {
			break
		}
		broker, tap, err := c.openOneOf(ctx, addr, len(candidates)-i)
		if err != nil {
			failures = append(failures, err)
			continue
		}
		c.broker, c.tap = broker, tap
		answer, err := c.ask(ctx, topics, create)
		if err == nil {
			return answer, nil
		}
		failures = append(failures, err)
	}
	if err := context.Cause(ctx); err != nil {
		failures = append(failures, err)
	}
	return upstream.Metadata{}, fmt.Errorf("no broker of cluster %s answers: %w", c.settings.Name, errors.Join(failures...))
}

// openOneOf opens a broker, and leaves time for the others: one that swallows packets must not hide that the next one answers.
func (c *Client) openOneOf(ctx context.Context, addr string, left int) (*sarama.Broker, *capture, error) {
	if deadline, ok := ctx.Deadline(); ok && left > 1 {
		limit := max(time.Until(deadline)/time.Duration(left), minTry)
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, limit, errSetup)
		defer cancel()
	}
	return c.open(ctx, addr)
}

// minTry is the least time that a broker is given to answer.
const minTry = time.Second

// candidates lists every address worth trying, each once.
func (c *Client) candidates(ctx context.Context) []string {
	all := slices.Clone(c.known)
	for _, server := range c.settings.BootstrapServers {
		for _, addr := range c.settings.Dial.Socket.Resolve(ctx, server) {
			if !slices.Contains(all, addr) {
				all = append(all, addr)
			}
		}
	}
	return all
}

// ask asks the broker in use, and lets go of it when it fails.
func (c *Client) ask(ctx context.Context, topics []string, create bool) (upstream.Metadata, error) {
	broker := c.broker
	stop := context.AfterFunc(ctx, c.tap.close) // Broker.Close would wait for the answer
	defer stop()
	answer, err := broker.GetMetadata(&sarama.MetadataRequest{
		Version: metadataVersion, Topics: topics, AllowAutoTopicCreation: create,
	})
	if err != nil {
		c.drop()
		return upstream.Metadata{}, fmt.Errorf("ask %s for metadata: %w", broker.Addr(), err)
	}
	meta := upstream.Metadata{Brokers: make(map[int32]string, len(answer.Brokers))}
	c.known = c.known[:0]
	for _, b := range answer.Brokers {
		meta.Brokers[b.ID()] = b.Addr()
		c.known = append(c.known, b.Addr())
	}
	for _, t := range answer.Topics {
		meta.Topics = append(meta.Topics, convert(t))
	}
	return meta, nil
}

func (c *Client) drop() {
	if c.broker != nil {
		_ = c.broker.Close() // reports ErrNotConnected when it has closed itself
		c.broker, c.tap = nil, nil
	}
}

// convert turns sarama's topic into ours: its partitions by index, none missing.
func convert(t *sarama.TopicMetadata) wire.Topic {
	topic := wire.Topic{Name: t.Name, ID: t.Uuid, Code: wire.ErrorCode(t.Err), Internal: t.IsInternal}
	topic.Partitions = make([]wire.Partition, len(t.Partitions))
	for i := range topic.Partitions {
		topic.Partitions[i] = wire.Partition{Index: int32(i), Code: wire.LeaderNotAvailable, Leader: -1, LeaderEpoch: -1}
	}
	for _, p := range t.Partitions {
		if p.ID < 0 || int(p.ID) >= len(topic.Partitions) {
			continue // Kafka numbers them from zero without gaps
		}
		topic.Partitions[p.ID] = wire.Partition{
			Index: p.ID, Code: wire.ErrorCode(p.Err), Leader: p.Leader, LeaderEpoch: epoch(t.Version, p.LeaderEpoch),
		}
	}
	return topic
}

// epoch is a leader epoch as the answer had it: before version 7 it had none.
func epoch(version int16, epoch int32) int32 {
	if version < 7 {
		return -1
	}
	return epoch
}
