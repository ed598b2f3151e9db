package upstreamtest

import (
	"encoding/binary"
	"math"
	"slices"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// Entry is one batch of a log, as it came.
type Entry struct {
	Offset  int64 // of its first record
	Records []byte
}

// partitionLog is the log of one partition, which all its replicas have, with what they know of its producers. It takes batches as
// Apache Kafka 4 does (ProducerStateManager.java, ProducerAppendInfo.java).
type partitionLog struct {
	entries   []Entry
	end       int64 // offset of the next record
	producers map[int64]*producerState
}

// producerState is what a log knows of one producer.
type producerState struct {
	epoch  int16
	recent []appended // the last batches, at most remembered, the newest behind
}

type appended struct {
	first, last int32 // sequence numbers
	offset      int64
}

// remembered is how many batches of a producer a broker knows again (ProducerStateEntry.NUM_BATCHES_TO_RETAIN).
const remembered = 5

// header is what a log reads of a batch. A payload that is no batch of magic 2 is one record of no producer.
type header struct {
	count    int32
	producer int64 // -1: none
	epoch    int16
	appended
}

// headerSize is the length of a batch of magic 2 without records.
const headerSize = 61

func isBatch(b []byte) bool { return len(b) >= headerSize && b[16] == 2 }

func parseHeader(b []byte) header {
	if !isBatch(b) {
		return header{count: 1, producer: -1}
	}
	h := header{
		count:    int32(binary.BigEndian.Uint32(b[23:])) + 1,
		producer: int64(binary.BigEndian.Uint64(b[43:])),
		epoch:    int16(binary.BigEndian.Uint16(b[51:])),
	}
	h.first = int32(binary.BigEndian.Uint32(b[53:]))
	h.last = int32((int64(h.first) + int64(h.count) - 1) & math.MaxInt32)
	return h
}

// append stores a batch, of which it keeps a copy, and returns its offset; or finds that it is there already; or refuses it.
func (l *partitionLog) append(records []byte) (offset int64, code wire.ErrorCode) {
	h := parseHeader(records)
	if h.producer >= 0 {
		if offset, code, there := l.check(h); there || code != wire.None {
			return offset, code
		}
	}
	h.offset = l.end
	l.entries = append(l.entries, Entry{Offset: l.end, Records: slices.Clone(records)})
	l.end += int64(h.count)
	if h.producer >= 0 {
		l.remember(h)
	}
	return h.offset, wire.None
}

// check says whether a producer's batch is there already, or what is wrong with it.
func (l *partitionLog) check(h header) (offset int64, code wire.ErrorCode, there bool) {
	p := l.producers[h.producer]
	switch {
	case p == nil: // any sequence number may be the first
		return 0, wire.None, false
	case h.epoch < p.epoch:
		return -1, wire.InvalidProducerEpoch, false
	case h.epoch > p.epoch && h.first != 0:
		return -1, wire.OutOfOrderSequenceNumber, false
	case h.epoch > p.epoch:
		return 0, wire.None, false
	}
	for _, b := range p.recent {
		if b.first == h.first && b.last == h.last {
			return b.offset, wire.None, true
		}
	}
	if last := p.recent[len(p.recent)-1].last; h.first != (last+1)&math.MaxInt32 {
		return -1, wire.OutOfOrderSequenceNumber, false
	}
	return 0, wire.None, false
}

func (l *partitionLog) remember(h header) {
	p := l.producers[h.producer]
	if p == nil || p.epoch != h.epoch {
		p = &producerState{epoch: h.epoch}
		if l.producers == nil {
			l.producers = map[int64]*producerState{}
		}
		l.producers[h.producer] = p
	}
	p.recent = append(p.recent, h.appended)
	if len(p.recent) > remembered {
		p.recent = slices.Delete(p.recent, 0, 1)
	}
}
