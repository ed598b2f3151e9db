package wire

import (
	"encoding/binary"
	"slices"
)

// ProduceHeader is what a Produce request to a real broker says beside its batches.
type ProduceHeader struct {
	Version       int16 // 3 to 12
	CorrelationID int32
	ClientID      string
	Acks          int16
	TimeoutMillis int32
}

// AppendProduceRequest appends to segments a whole Produce request for batches, to be written in this order with
// writev: fixed parts, which are in scratch, and between them each batch's Records, aliased and not copied. It returns
// both slices, as append does. Segments that are there already stay right, whatever becomes of scratch; scratch may be
// used again once all of them are written.
//
// Batches of one topic are next to each other, and no partition is there twice: a broker would keep only one of them.
// There is no transactional id. The caller keeps the sum below the broker's socket.request.max.bytes.
func AppendProduceRequest(scratch []byte, segments [][]byte, h ProduceHeader, batches []*Batch) ([]byte, [][]byte) {
	flexible := h.Version >= ShapeProduce.Flexible
	// From here on b never moves, so that segments may point into it.
	b := slices.Grow(scratch, requestBound(h, batches))
	start := len(b)
	b = appendRequestHead(b, h, flexible)
	b = appendCount(b, flexible, countTopics(batches))

	cut, aliased := start, 0
	for i, batch := range batches {
		if i == 0 || batches[i-1].Topic != batch.Topic {
			b = appendString(b, flexible, batch.Topic)
			b = appendCount(b, flexible, partitionsOf(batches[i:]))
		}
		b = binary.BigEndian.AppendUint32(b, uint32(batch.Partition))
		b = appendCount(b, flexible, len(batch.Records))
		segments = append(segments, b[cut:len(b):len(b)])
		cut = len(b)
		if len(batch.Records) > 0 {
			segments = append(segments, batch.Records)
			aliased += len(batch.Records)
		}
		b = appendTags(b, flexible) // of the partition
		if i+1 == len(batches) || batches[i+1].Topic != batch.Topic {
			b = appendTags(b, flexible) // of the topic
		}
	}
	b = appendTags(b, flexible)
	if cut < len(b) {
		segments = append(segments, b[cut:len(b):len(b)])
	}
	binary.BigEndian.PutUint32(b[start:], uint32(len(b)-start-lengthSize+aliased))
	return b, segments
}

// appendRequestHead appends everything before the topics.
func appendRequestHead(b []byte, h ProduceHeader, flexible bool) []byte {
	b = binary.BigEndian.AppendUint32(b, 0) // length
	b = binary.BigEndian.AppendUint16(b, uint16(KeyProduce))
	b = binary.BigEndian.AppendUint16(b, uint16(h.Version))
	b = binary.BigEndian.AppendUint32(b, uint32(h.CorrelationID))
	b = appendString(b, false, h.ClientID) // never compact
	b = appendTags(b, flexible)
	b = appendNullable(b, flexible, "") // transactional id
	b = binary.BigEndian.AppendUint16(b, uint16(h.Acks))
	return binary.BigEndian.AppendUint32(b, uint32(h.TimeoutMillis))
}

// requestBound is at least the size of everything but the Records.
func requestBound(h ProduceHeader, batches []*Batch) int {
	const (
		head      = 4 + 2 + 2 + 4 + 2 + 1 + 2 + 2 + 4 + 5 + 1
		topic     = 5 + 5 + 1
		partition = 4 + 5 + 1
	)
	n := head + len(h.ClientID)
	for i, b := range batches {
		if i == 0 || batches[i-1].Topic != b.Topic {
			n += topic + len(b.Topic)
		}
		n += partition
	}
	return n
}

// countTopics counts the runs of batches of the same topic.
func countTopics(batches []*Batch) int {
	n := 0
	for i, b := range batches {
		if i == 0 || batches[i-1].Topic != b.Topic {
			n++
		}
	}
	return n
}

// partitionsOf counts the batches that share the first one's topic, up to the first that does not.
func partitionsOf(batches []*Batch) int {
	for i, b := range batches {
		if b.Topic != batches[0].Topic {
			return i
		}
	}
	return len(batches)
}
