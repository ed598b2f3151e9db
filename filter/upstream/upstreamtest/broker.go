package upstreamtest

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"maps"
	"net"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire/wiretest"
)

// answer is one response on its way.
type answer struct {
	frame []byte
	due   time.Time
}

var errCut = errors.New("cut")

// serve is one broker's end of one connection: it reads requests and answers them in order, one at a time.
func (c *Cluster) serve(id int32, conn net.Conn) {
	defer func() {
		_ = conn.Close()
		c.mu.Lock()
		delete(c.conns, conn)
		maps.DeleteFunc(c.refusals, func(f flow, _ refusal) bool { return f.conn == conn })
		c.mu.Unlock()
	}()
	answers := make(chan answer, 64) // more than a lane's window
	defer close(answers)
	go c.answer(id, conn, answers)
	requests := wiretest.Requests()
	for deaf := false; ; {
		c.awaitUnclogged(id, conn)
		frame, err := c.readFrame(id, conn)
		if err != nil {
			return
		}
		h, body, err := requests.ParseHeader(frame)
		if err != nil {
			return
		}
		c.note(h)
		if deaf = deaf || c.ignores(id, h.Key); deaf { // there is no answer to this one, and so none to what comes behind it
			continue
		}
		a, err := c.reply(id, conn, h, body)
		if err != nil {
			return
		}
		if a.frame != nil {
			answers <- a
		}
	}
}

// note takes note of who sends a request.
func (c *Cluster) note(h wire.Header) {
	c.mu.Lock()
	defer c.mu.Unlock()
	of := c.clientIDs[h.Key]
	if of == nil {
		of = map[string]*int{}
		c.clientIDs[h.Key] = of
	}
	n := of[string(h.ClientID)] // which costs nothing, for benchmarks
	if n == nil {
		n = new(int)
		of[string(h.ClientID)] = n
	}
	*n++
}

// ignores reports whether a broker does not hear a request: one that is deaf still tells of the cluster.
func (c *Cluster) ignores(id int32, key wire.APIKey) bool {
	return (key == wire.KeyProduce || c.handler(key) != nil) && c.isDeaf(id)
}

// reply is a broker's answer to one request. No frame: there is none.
func (c *Cluster) reply(id int32, conn net.Conn, h wire.Header, body []byte) (answer, error) {
	if h.Key != wire.KeyProduce {
		return c.other(id, conn, h, body)
	}
	request := kmsg.NewPtrProduceRequest()
	request.SetVersion(h.Version)
	if err := request.ReadFrom(body); err != nil {
		return answer{}, err
	}
	return c.work(id, conn, h, request)
}

// await waits while something is wrong with a broker and the connection is there.
func (c *Cluster) await(id int32, conn net.Conn, wrong func(n *node) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for wrong(c.nodes[id]) && c.conns[conn] == id {
		c.changed.Wait()
	}
}

// awaitUnclogged waits until a broker reads.
func (c *Cluster) awaitUnclogged(id int32, conn net.Conn) {
	c.await(id, conn, func(n *node) bool { return n.clogged })
}

// readFrame reads one request, or half of it if that is where the connection is to be cut.
func (c *Cluster) readFrame(id int32, conn net.Conn) ([]byte, error) {
	var size [4]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		return nil, err
	}
	c.awaitUnclogged(id, conn) // it may have become so since the reading began
	frame := make([]byte, binary.BigEndian.Uint32(size[:]))
	if c.cuts(id, CutHalfRead) {
		_, err := io.ReadFull(conn, frame[:len(frame)/2])
		return nil, errors.Join(errCut, err)
	}
	_, err := io.ReadFull(conn, frame)
	return frame, err
}

// cuts reports whether a broker is to cut a connection here, which it does once.
func (c *Cluster) cuts(id int32, where Cutting) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.nodes[id]
	if n.cut != where {
		return false
	}
	n.cut = CutNot
	return true
}

func (c *Cluster) isDeaf(id int32) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.nodes[id].deaf
}

// work does what one request asks for, in the time that it takes. No frame: there is no answer.
func (c *Cluster) work(id int32, conn net.Conn, h wire.Header, request *kmsg.ProduceRequest) (answer, error) {
	c.mu.Lock()
	n := c.nodes[id]
	starts, before := n.starts, n.before
	c.mu.Unlock()
	_ = pause(context.Background(), before)
	response := c.produce(id, starts, conn, request)
	if response == nil || c.cuts(id, CutStored) {
		return answer{}, errCut
	}
	if request.Acks == 0 {
		if failed(response) {
			return answer{}, errCut
		}
		return answer{}, nil
	}
	response.SetVersion(h.Version)
	c.mu.Lock()
	defer c.mu.Unlock()
	return answer{wire.AppendResponse(nil, h, response), time.Now().Add(n.after)}, nil
}

// answer writes answers when they are due, unless the broker is stalled.
func (c *Cluster) answer(id int32, conn net.Conn, answers <-chan answer) {
	for a := range answers {
		_ = pause(context.Background(), time.Until(a.due))
		c.await(id, conn, func(n *node) bool { return n.stalled })
		if _, err := conn.Write(a.frame); err != nil {
			_ = conn.Close()
		}
	}
}

// produce stores what the broker leads; nil if it has gone down since it read the request.
func (c *Cluster) produce(id int32, starts int, conn net.Conn, request *kmsg.ProduceRequest) *kmsg.ProduceResponse {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.nodes[id].starts != starts {
		return nil
	}
	c.requests = append(c.requests, request)
	response := kmsg.NewPtrProduceResponse()
	response.ThrottleMillis = c.throttle
	for _, t := range request.Topics {
		topic := kmsg.NewProduceResponseTopic()
		topic.Topic = t.Topic
		for i, p := range t.Partitions {
			if slices.ContainsFunc(t.Partitions[i+1:], func(q kmsg.ProduceRequestTopicPartition) bool { return q.Partition == p.Partition }) {
				continue // of two batches of a partition a broker takes the last one (KafkaApis.scala, handleProduceRequest)
			}
			partition := kmsg.NewProduceResponseTopicPartition()
			partition.Partition, partition.LogAppendTime = p.Partition, -1
			store := func() (int64, wire.ErrorCode) { return c.store(id, t.Topic, p.Partition, request.Acks, p.Records) }
			offset, code := c.refuseOrStore(flow{conn, t.Topic, p.Partition, parseHeader(p.Records).producer}, p.Records, store)
			partition.BaseOffset, partition.ErrorCode = offset, int16(code)
			topic.Partitions = append(topic.Partitions, partition)
		}
		response.Topics = append(response.Topics, topic)
	}
	return response
}

// flow is what one producer sends to one partition on one connection.
type flow struct {
	conn      net.Conn
	topic     string
	partition int32
	producer  int64
}

// refusal is the first batch of a flow that was refused and has not come again.
type refusal struct {
	sequence int32
	code     wire.ErrorCode
}

// refuseOrStore stores a batch, unless the broker persists in refusing. c.mu is held.
func (c *Cluster) refuseOrStore(f flow, records []byte, store func() (int64, wire.ErrorCode)) (offset int64, code wire.ErrorCode) {
	if c.persistent == never || f.producer < 0 {
		return store()
	}
	h := parseHeader(records)
	sequence := h.first
	if r, there := c.refusals[f]; there && int32(uint32(sequence-r.sequence)<<1) > 0 {
		if c.persistent == afterFirst && c.knows(f, h.epoch) {
			return store() // and sees that something is missing before it
		}
		return -1, r.code
	}
	delete(c.refusals, f)
	offset, code = store()
	switch {
	case code.Transient() && (sequence != 0 || c.persistent == always):
		c.refusals[f] = refusal{sequence, code}
	case code == wire.None && len(c.refusals) > 0: // it may have been refused elsewhere
		maps.DeleteFunc(c.refusals, func(other flow, r refusal) bool {
			other.conn = f.conn
			return other == f && r.sequence == sequence
		})
	}
	return offset, code
}

// knows says whether a partition has something of a producer's epoch. c.mu is held.
func (c *Cluster) knows(f flow, epoch int16) bool {
	t := c.topics[f.topic]
	if t == nil || int(f.partition) >= len(t.partitions) {
		return false
	}
	p := t.partitions[f.partition].log.producers[f.producer]
	return p != nil && p.epoch == epoch
}

// store appends a batch and says how it went. c.mu is held.
func (c *Cluster) store(id int32, name string, index int32, acks int16, records []byte) (offset int64, code wire.ErrorCode) {
	t := c.topics[name]
	if t == nil || int(index) >= len(t.partitions) {
		return -1, wire.UnknownTopicOrPartition
	}
	p := t.partitions[index]
	switch {
	case p.leader != id:
		return -1, wire.NotLeaderOrFollower
	case p.short && acks == -1:
		return -1, wire.NotEnoughReplicas
	case len(p.codes) > 0:
		code, p.codes = p.codes[0], p.codes[1:]
		if code != wire.None {
			return -1, code
		}
	}
	c.changed.Broadcast()
	return p.log.append(records)
}

func failed(r *kmsg.ProduceResponse) bool {
	for _, t := range r.Topics {
		for _, p := range t.Partitions {
			if p.ErrorCode != 0 {
				return true
			}
		}
	}
	return false
}
