package upstreamtest

import (
	"encoding/binary"
	"io"
	"net"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// serve is one broker's end of one connection: it reads Produce requests and answers them in order.
func (c *Cluster) serve(id int32, conn net.Conn) {
	defer func() {
		_ = conn.Close()
		c.mu.Lock()
		delete(c.conns, conn)
		c.mu.Unlock()
	}()
	answers := make(chan []byte, 64) // more than a lane's window
	defer close(answers)
	go c.answer(id, conn, answers)
	for {
		c.mu.Lock()
		for c.nodes[id].clogged && c.conns[conn] == id {
			c.changed.Wait()
		}
		c.mu.Unlock()
		var size [4]byte
		if _, err := io.ReadFull(conn, size[:]); err != nil {
			return
		}
		frame := make([]byte, binary.BigEndian.Uint32(size[:]))
		if _, err := io.ReadFull(conn, frame); err != nil {
			return
		}
		h, body, err := wire.ParseHeader(frame)
		if err != nil {
			return
		}
		request := kmsg.NewPtrProduceRequest()
		request.SetVersion(h.Version)
		if request.ReadFrom(body) != nil {
			return
		}
		answers <- c.produce(id, h, request)
	}
}

// answer writes answers unless the broker is stalled.
func (c *Cluster) answer(id int32, conn net.Conn, answers <-chan []byte) {
	for frame := range answers {
		c.mu.Lock()
		for c.nodes[id].stalled && c.conns[conn] == id {
			c.changed.Wait()
		}
		c.mu.Unlock()
		if _, err := conn.Write(frame); err != nil {
			_ = conn.Close()
		}
	}
}

// produce stores what it leads, and answers.
func (c *Cluster) produce(id int32, h wire.Header, request *kmsg.ProduceRequest) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests = append(c.requests, request)
	response := kmsg.NewPtrProduceResponse()
	response.SetVersion(h.Version)
	response.ThrottleMillis = c.throttle
	for _, t := range request.Topics {
		topic := kmsg.NewProduceResponseTopic()
		topic.Topic = t.Topic
		for _, p := range t.Partitions {
			partition := kmsg.NewProduceResponseTopicPartition()
			partition.Partition, partition.BaseOffset, partition.LogAppendTime = p.Partition, -1, -1
			code := c.store(id, t.Topic, p.Partition, p.Records)
			if partition.ErrorCode = int16(code); code == wire.None {
				partition.BaseOffset = int64(len(c.topics[t.Topic].stored[p.Partition]) - 1)
			}
			topic.Partitions = append(topic.Partitions, partition)
		}
		response.Topics = append(response.Topics, topic)
	}
	return wire.AppendResponse(nil, h, response)
}

// store appends a batch and says how it went. c.mu is held. The offset of a batch is its number in the partition.
func (c *Cluster) store(id int32, name string, partition int32, records []byte) wire.ErrorCode {
	t := c.topics[name]
	switch {
	case t == nil || int(partition) >= len(t.leaders):
		return wire.UnknownTopicOrPartition
	case t.leaders[partition] != id:
		return wire.NotLeaderOrFollower
	case len(t.codes[partition]) > 0:
		code := t.codes[partition][0]
		t.codes[partition] = t.codes[partition][1:]
		if code != wire.None {
			return code
		}
	}
	t.stored[partition] = append(t.stored[partition], slices.Clone(records))
	return wire.None
}
