package simulation

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire/wiretest"
)

// versions that clients speak.
const (
	produceVersion  = 9
	metadataVersion = 9
)

// way is a connection. Its methods never wait.
type way interface {
	send(frame []byte)
	// close closes it from the client's side.
	close()
	// sever breaks it: the client has noticed, the other end will after lag. With drop, what is on its way is lost.
	sever(lag time.Duration, drop bool)
	// thaw says that the client reads again.
	thaw()
}

// link is a client's end of a connection.
type link struct {
	to      node
	way     way
	up      bool
	dead    bool
	pending []pending
	read    []byte
	next    int32
}

// pending is a request on its way.
type pending struct {
	id      int32
	sent    time.Time
	ask     bool // for metadata
	writers []*writer
	batches []*batch
}

// dispatch sends a frame on a link.
func (c *client) dispatch(l *link, p pending, frame []byte) {
	p.id, p.sent = l.next, time.Now()
	l.next++
	if p.ask || c.nature.acks != 0 {
		l.pending = append(l.pending, p)
		c.line.after(c.nature.timeout, c.look)
	}
	l.way.send(frame)
}

// connected is called when a link stands.
func (c *client) connected(l *link) {
	l.up = true
	c.look()
}

// lost is called when a connection has ended, or could not be made.
func (c *client) lost(l *link) {
	if l.dead {
		return
	}
	l.dead, l.up = true, false
	c.line.note("%s loses a connection", c.writers[0].name)
	now := time.Now()
	for _, p := range l.pending {
		if p.ask {
			c.unlearned()
		}
		for i, w := range p.writers {
			w.answer(p.batches[i], wire.RequestTimedOut, -1, now)
		}
	}
	l.pending = nil
	pause := 50*time.Millisecond + time.Duration(c.rnd.Int64N(int64(100*time.Millisecond)))
	c.line.after(pause, func() {
		if c.links[l.to] == l {
			delete(c.links, l.to)
		}
		c.look()
	})
	c.look()
}

// hangUp closes a connection from the client's side.
func (c *client) hangUp(l *link) {
	if l.dead {
		return
	}
	if len(l.pending) > 0 && c.reach.prompt() && c.nature.asks <= 30_000 && c.nature.timeout > due && l.pending[0].sent.After(c.frozenAt) {
		c.broken = append(c.broken, "not answered in time")
	}
	if l.way != nil {
		l.way.close()
	}
	c.lost(l)
}

// received takes what has come on a link.
func (c *client) received(l *link, p []byte) {
	taken, err := l.receive(p, c.frozen, func(frame []byte) error { return c.take(l, frame) })
	if err != nil {
		c.broken = append(c.broken, err.Error())
		c.hangUp(l)
	} else if taken {
		c.look()
	}
}

// receive adds what has come, and has take look at each frame that is whole. It reports false if nobody looks: the link is dead, or whose it is
// is frozen.
func (l *link) receive(p []byte, frozen bool, take func(frame []byte) error) (taken bool, err error) {
	if l.dead {
		return false, nil
	}
	l.read = append(l.read, p...)
	if frozen {
		return false, nil
	}
	for frame := l.frame(); frame != nil && err == nil && !l.dead; frame = l.frame() {
		err = take(frame)
	}
	return true, err
}

// frame is the next frame that has come whole, nil if there is none.
func (l *link) frame() []byte {
	if len(l.read) < 4 || len(l.read) < 4+int(binary.BigEndian.Uint32(l.read)) {
		return nil
	}
	n := 4 + int(binary.BigEndian.Uint32(l.read))
	frame := l.read[:n:n]
	l.read = l.read[n:]
	return frame
}

// take takes one answer.
func (c *client) take(l *link, frame []byte) error {
	if len(l.pending) == 0 {
		return fmt.Errorf("an answer that nobody asked for: % x", frame)
	}
	p := l.pending[0]
	l.pending = l.pending[1:]
	if id := int32(binary.BigEndian.Uint32(frame[4:])); id != p.id {
		return fmt.Errorf("answer to %d, expected %d", id, p.id)
	}
	if took := time.Since(p.sent); c.reach.prompt() && c.nature.asks <= 30_000 && took > due+2*c.away && p.sent.After(c.frozenAt) {
		return fmt.Errorf("answered after %s", took)
	}
	if p.ask {
		return c.takeMetadata(frame)
	}
	_, response, err := wiretest.ParseResponse(wire.KeyProduce, produceVersion, frame)
	if err != nil {
		return err
	}
	r, _ := response.(*kmsg.ProduceResponse)
	answered := 0
	for _, t := range r.Topics {
		for _, part := range t.Partitions {
			answered += c.takePartition(p, t.Topic, part)
		}
	}
	if answered != len(p.writers) {
		return fmt.Errorf("%d of %d batches answered", answered, len(p.writers))
	}
	return nil
}

// takePartition takes what is answered for one partition, and reports for how many batches it is the answer.
func (c *client) takePartition(p pending, topic string, part kmsg.ProduceResponseTopicPartition) (answered int) {
	for i, w := range p.writers {
		if w.place.Topic != topic || w.place.Partition != part.Partition {
			continue
		}
		answered++
		code := wire.ErrorCode(part.ErrorCode)
		c.line.note("%s gets for number %d: %s %s", w.name, p.batches[i].number, code, text(part.ErrorMessage))
		w.answer(p.batches[i], code, part.BaseOffset, time.Now())
		if disproves(code) {
			c.ask()
		}
	}
	return answered
}

func (c *client) takeMetadata(frame []byte) error {
	_, response, err := wiretest.ParseResponse(wire.KeyMetadata, metadataVersion, frame)
	if err != nil {
		return err
	}
	r, _ := response.(*kmsg.MetadataResponse)
	said := map[string][]int32{}
	for _, t := range r.Topics {
		leaders := make([]int32, len(t.Partitions))
		for _, p := range t.Partitions {
			leaders[p.Partition] = p.Leader
		}
		said[*t.Topic] = leaders
	}
	c.learn(said)
	return nil
}

// encode makes the frame of a Produce request.
func (c *client) encode(p *pending, id int32) []byte {
	r := kmsg.NewPtrProduceRequest()
	r.Acks, r.TimeoutMillis = c.nature.acks, c.nature.asks
	for i, w := range p.writers { // those of a topic are next to each other
		if n := len(r.Topics); n == 0 || r.Topics[n-1].Topic != w.place.Topic {
			r.Topics = append(r.Topics, kmsg.ProduceRequestTopic{Topic: w.place.Topic})
		}
		t := &r.Topics[len(r.Topics)-1]
		t.Partitions = append(t.Partitions, kmsg.ProduceRequestTopicPartition{Partition: w.place.Partition, Records: p.batches[i].bytes})
	}
	return wiretest.Frame(wire.KeyProduce, produceVersion, id, c.nature.name, r)
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
