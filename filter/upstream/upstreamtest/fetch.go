package upstreamtest

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/link"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// Read has the brokers answer Fetch requests, of these versions, with what is stored: as soon as there is enough, or an error, or when the
// time is over. Connections made from now on can carry them.
func (c *Cluster) Read(versions link.Range) {
	c.Handle(wire.KeyFetch, versions, func(id int32, request kmsg.Request) kmsg.Response {
		return c.read(id, request.(*kmsg.FetchRequest)) //nolint:forcetypeassert // it is for that key
	})
}

// Fetches returns the Fetch requests that came, in the order of their coming. They are the caller's to read.
func (c *Cluster) Fetches() []*kmsg.FetchRequest {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.fetches)
}

// Store appends records to a partition.
func (c *Cluster) Store(name string, partition int32, records string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.topics[name].partitions[partition].log.append([]byte(records))
	c.changed.Broadcast()
}

// read answers a Fetch; nil: the broker has gone down meanwhile.
//
//nolint:ireturn // as handlers have it
func (c *Cluster) read(id int32, r *kmsg.FetchRequest) kmsg.Response {
	end := time.Now().Add(time.Duration(r.MaxWaitMillis) * time.Millisecond)
	timer := time.AfterFunc(time.Until(end), func() {
		c.mu.Lock() // nobody is just about to wait
		defer c.mu.Unlock()
		c.changed.Broadcast()
	})
	defer timer.Stop()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fetches = append(c.fetches, r)
	starts := c.nodes[id].starts
	session, all, code := c.enterSession(id, r)
	if code != wire.None {
		response := kmsg.NewPtrFetchResponse()
		response.ErrorCode = int16(code)
		return response
	}
	for {
		response, enough := c.readNow(id, all)
		switch {
		case c.nodes[id].starts != starts:
			return nil
		case enough, !time.Now().Before(end):
			c.tellSession(id, session, r, response)
			response.ThrottleMillis = c.throttle
			return response
		}
		c.changed.Wait()
	}
}

// readNow is what there is now, and whether the client need not wait any longer. c.mu is held.
func (c *Cluster) readNow(id int32, r *kmsg.FetchRequest) (response *kmsg.FetchResponse, enough bool) {
	response = kmsg.NewPtrFetchResponse()
	size := 0
	for i := range r.Topics {
		asked := &r.Topics[i]
		topic := kmsg.NewFetchResponseTopic()
		topic.Topic, topic.TopicID = asked.Topic, asked.TopicID
		t := c.topics[asked.Topic]
		if wire.FetchNamesByID(r.Version) {
			t = c.byID(asked.TopicID)
		}
		for j := range asked.Partitions {
			p := c.readPartition(id, t, &asked.Partitions[j], int(r.MaxBytes)-size, size == 0)
			if t == nil && wire.FetchNamesByID(r.Version) {
				p.ErrorCode = int16(wire.UnknownTopicID)
			}
			size += len(p.RecordBatches)
			enough = enough || p.ErrorCode != 0
			topic.Partitions = append(topic.Partitions, p)
		}
		response.Topics = append(response.Topics, topic)
	}
	if c.backwards {
		slices.Reverse(response.Topics)
	}
	return response, enough || size >= int(r.MinBytes)
}

// FetchBackwards has the topics of a Fetch be answered in the order of the request turned round.
func (c *Cluster) FetchBackwards(on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.backwards = on
}

func (c *Cluster) byID(id [16]byte) *topic {
	for _, t := range c.topics {
		if t.id == id {
			return t
		}
	}
	return nil
}

// readPartition is what there is of one partition: most bytes at most, but with some the first batch in any case. c.mu is held.
func (c *Cluster) readPartition(
	id int32, t *topic, asked *kmsg.FetchRequestTopicPartition, most int, some bool,
) (p kmsg.FetchResponseTopicPartition) {
	p = kmsg.NewFetchResponseTopicPartition()
	p.Partition, p.HighWatermark, p.LogStartOffset, p.RecordBatches = asked.Partition, -1, -1, []byte{}
	if t == nil || int(asked.Partition) >= len(t.partitions) {
		p.ErrorCode = int16(wire.UnknownTopicOrPartition)
		return p
	}
	log := t.partitions[asked.Partition]
	switch {
	case log.leader != id:
		p.ErrorCode = int16(wire.NotLeaderOrFollower)
	case asked.CurrentLeaderEpoch >= 0 && asked.CurrentLeaderEpoch < log.epoch:
		p.ErrorCode = int16(wire.FencedLeaderEpoch)
	case asked.CurrentLeaderEpoch > log.epoch:
		p.ErrorCode = int16(wire.UnknownLeaderEpoch)
	case asked.FetchOffset < 0 || asked.FetchOffset > log.log.end:
		p.ErrorCode = int16(wire.OffsetOutOfRange)
	}
	if p.ErrorCode != 0 {
		return p
	}
	p.HighWatermark, p.LastStableOffset, p.LogStartOffset = log.log.end, log.log.end, 0
	for _, e := range log.log.entries {
		if e.Offset < asked.FetchOffset {
			continue
		}
		if size := len(p.RecordBatches) + len(e.Records); size > min(most, int(asked.PartitionMaxBytes)) && (!some || len(p.RecordBatches) > 0) {
			break
		}
		at := len(p.RecordBatches)
		if p.RecordBatches = append(p.RecordBatches, e.Records...); isBatch(e.Records) {
			binary.BigEndian.PutUint64(p.RecordBatches[at:], uint64(e.Offset))
		}
	}
	return p
}
