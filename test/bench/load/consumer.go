package load

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"net"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/test/rawkafka"
)

// What consumers ask for, as Java's do by default.
const (
	maxWaitMillis     = 500
	partitionMaxBytes = 1 << 20
	fetchMaxBytes     = 50 << 20
)

// consumer reads partitions as consumers do: one Fetch at a time, which names each of them with the offset behind what it has read. In a
// session (KIP-227) it names only those whose offset has changed. One goroutine uses it.
type consumer struct {
	net.Conn

	from        *bufio.Reader
	topics      []string
	next        [][]int64 // offsets, by topic and partition
	most        int32     // bytes of an answer
	sessions    bool      // it asks for one
	id, epoch   int32     // of its session; 0: it has none
	changed     []spot    // what the session has not been told
	first       int       // the partition that a request names first
	correlation int32
	answer      []byte
}

// spot is a partition of a topic, by number.
type spot struct{ topic, partition int }

func newConsumer(c net.Conn, j *Job, topics []string) *consumer {
	r := &consumer{
		Conn: c, from: bufio.NewReaderSize(c, 64<<10), topics: topics, sessions: j.Sessions, most: fetchMaxBytes, correlation: 1 << 20,
	}
	if j.FetchBytes > 0 {
		r.most = int32(j.FetchBytes)
	}
	for range topics {
		r.next = append(r.next, make([]int64, j.Partitions))
	}
	return r
}

// seek goes to the end of all partitions.
func (r *consumer) seek() error {
	req := kmsg.NewPtrListOffsetsRequest()
	req.SetVersion(1)
	for i, topic := range r.topics {
		t := kmsg.NewListOffsetsRequestTopic()
		t.Topic = topic
		for n := range r.next[i] {
			p := kmsg.NewListOffsetsRequestTopicPartition()
			p.Partition, p.Timestamp = int32(n), -1
			t.Partitions = append(t.Partitions, p)
		}
		req.Topics = append(req.Topics, t)
	}
	resp := kmsg.NewPtrListOffsetsResponse()
	resp.SetVersion(1)
	if err := r.ask(req, resp); err != nil {
		return err
	}
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			if p.ErrorCode != 0 {
				return fmt.Errorf("the end of %s %d: error code %d", t.Topic, p.Partition, p.ErrorCode)
			}
			r.next[r.topic(t.Topic)][p.Partition] = p.Offset
		}
	}
	return nil
}

// ask sends a request and reads its answer, which is valid until the next.
func (r *consumer) ask(req kmsg.Request, resp kmsg.Response) (err error) {
	r.correlation++
	if _, err = r.Write(rawkafka.Frame(clientID, r.correlation, req)); err != nil {
		return err
	}
	if r.answer, err = rawkafka.ReadFrame(r.from, r.answer); err != nil {
		return err
	}
	if len(r.answer) < 4 {
		return errShort
	}
	if got := int32(binary.BigEndian.Uint32(r.answer)); got != r.correlation {
		return fmt.Errorf("an answer to request %d, not to %d", got, r.correlation)
	}
	return resp.ReadFrom(r.answer[4:])
}

func (r *consumer) topic(name string) int {
	for i, topic := range r.topics {
		if topic == name {
			return i
		}
	}
	return 0
}

// fetch asks once, and tells of each record batch that has come. Who again is to read what there is reads a partition from its start when it
// has come to its end.
func (r *consumer) fetch(again bool, batch func(records int64, bytes []byte)) error {
	resp := kmsg.NewPtrFetchResponse()
	resp.SetVersion(fetchVersion)
	if err := r.ask(r.request(), resp); err != nil {
		return err
	}
	if resp.ErrorCode != 0 {
		return fmt.Errorf("fetch: error code %d", resp.ErrorCode)
	}
	if r.id = 0; r.sessions && resp.SessionID != 0 {
		r.id = resp.SessionID
		r.epoch++
	}
	r.changed = r.changed[:0]
	for i := range resp.Topics {
		topic := r.topic(resp.Topics[i].Topic)
		for j := range resp.Topics[i].Partitions {
			p := &resp.Topics[i].Partitions[j]
			if err := r.take(spot{topic, int(p.Partition)}, p, again, batch); err != nil {
				return err
			}
		}
	}
	return nil
}

// take takes what has come of one partition.
func (r *consumer) take(at spot, p *kmsg.FetchResponseTopicPartition, again bool, batch func(records int64, bytes []byte)) error {
	if p.ErrorCode != 0 {
		return fmt.Errorf("fetch %s %d: error code %d", r.topics[at.topic], at.partition, p.ErrorCode)
	}
	next := &r.next[at.topic][at.partition]
	was := *next
	for rest := p.RecordBatches; ; {
		records, behind, size := batchOf(rest)
		if size == 0 {
			break
		}
		if behind > *next {
			batch(records, rest[:size])
			*next = behind
		}
		rest = rest[size:]
	}
	if *next != was {
		r.first = at.partition + 1
	}
	if again && *next >= p.HighWatermark && p.HighWatermark >= 0 {
		*next = max(0, p.LogStartOffset)
	}
	if *next != was {
		r.changed = append(r.changed, at)
	}
	return nil
}

// batchOf says how many records the first batch has, which offset comes behind it, and how long it is; 0: there is none that is whole.
func batchOf(b []byte) (records, behind int64, size int) {
	if len(b) < 61 {
		return 0, 0, 0
	}
	size = 12 + int(binary.BigEndian.Uint32(b[8:]))
	if size < 61 || size > len(b) {
		return 0, 0, 0
	}
	behind = int64(binary.BigEndian.Uint64(b)) + int64(binary.BigEndian.Uint32(b[23:])) + 1
	return int64(binary.BigEndian.Uint32(b[57:])), behind, size
}

// request names all partitions, or in a session those that have changed.
func (r *consumer) request() *kmsg.FetchRequest {
	req := kmsg.NewPtrFetchRequest()
	req.SetVersion(fetchVersion)
	req.MaxWaitMillis, req.MinBytes, req.MaxBytes, req.SessionEpoch = maxWaitMillis, 1, r.most, -1
	if r.id != 0 {
		req.SessionID, req.SessionEpoch = r.id, r.epoch
		for _, at := range r.changed {
			t := kmsg.NewFetchRequestTopic()
			t.Topic, t.Partitions = r.topics[at.topic], []kmsg.FetchRequestTopicPartition{r.partition(at)}
			if last := len(req.Topics) - 1; last >= 0 && req.Topics[last].Topic == t.Topic {
				req.Topics[last].Partitions = append(req.Topics[last].Partitions, t.Partitions...)
			} else {
				req.Topics = append(req.Topics, t)
			}
		}
		return req
	}
	if r.epoch = 0; r.sessions {
		req.SessionEpoch = 0
	}
	for i, topic := range r.topics {
		t := kmsg.NewFetchRequestTopic()
		t.Topic = topic
		n := len(r.next[i])
		t.Partitions = make([]kmsg.FetchRequestTopicPartition, 0, n)
		for j := range n {
			t.Partitions = append(t.Partitions, r.partition(spot{i, (r.first + j) % n}))
		}
		req.Topics = append(req.Topics, t)
	}
	return req
}

func (r *consumer) partition(at spot) kmsg.FetchRequestTopicPartition {
	p := kmsg.NewFetchRequestTopicPartition()
	p.Partition, p.FetchOffset, p.PartitionMaxBytes = int32(at.partition), r.next[at.topic][at.partition], partitionMaxBytes
	return p
}
