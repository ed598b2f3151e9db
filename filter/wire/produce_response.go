package wire

import "encoding/binary"

// AppendProduceResponse appends the whole frame that answers the Produce request h (ProduceResponse.json, versions 0 to
// 12): for each batch its Result, as far as the version can say it. topics are the request's; it keeps none of them. How much room
// dst should have says ProduceResponseSize.
//
// From version 10 on, NOT_LEADER_OR_FOLLOWER with a known LeaderEpoch carries the current leader, which is always node 0:
// the client knows no other node. NodeEndpoints are never sent (KIP-951): with them franz-go 1.22 takes the hint's epoch,
// and then waits for ever for metadata that confirms it, because it reads epochs in metadata only from brokers that list
// OffsetForLeaderEpoch.
func AppendProduceResponse(dst []byte, h Header, topics []ProduceTopic, throttleMillis int32) []byte {
	start := len(dst)
	flexible := h.Version >= ShapeProduce.Flexible
	dst = appendResponseHeader(dst, h.CorrelationID, flexible)
	dst = appendCount(dst, flexible, len(topics))
	for i := range topics {
		t := &topics[i]
		dst = appendString(dst, flexible, t.Name)
		dst = appendCount(dst, flexible, len(t.Batches))
		for j := range t.Batches {
			dst = appendPartitionResponse(dst, h.Version, flexible, &t.Batches[j])
		}
		dst = appendTags(dst, flexible)
	}
	if h.Version >= 1 {
		dst = binary.BigEndian.AppendUint32(dst, uint32(throttleMillis))
	}
	dst = appendTags(dst, flexible)
	return endFrame(dst, start)
}

// ProduceResponseSize is at least the size of the frame that AppendProduceResponse appends, and not much more.
func ProduceResponseSize(version int16, topics []ProduceTopic) int {
	const (
		head      = 4 + 4 + 1 + 4 + 4 + 1
		topic     = 3 + 5 + 1
		partition = 4 + 2 + 8 + 8 + 8 + 5 + 3 + 1
		record    = 4 + 3 + 1
		leader    = 3 + 9
	)
	n := head
	for i := range topics {
		t := &topics[i]
		n += topic + len(t.Name) + partition*len(t.Batches)
		if version < 8 {
			continue // no words
		}
		for j := range t.Batches {
			r := &t.Batches[j].Result
			if r.Code == None {
				continue
			}
			n += leader + min(len(r.Message), maxString)
			for k := range r.RecordErrors {
				n += record + min(len(r.RecordErrors[k].Message), maxString)
			}
		}
	}
	return n
}

// appendPartitionResponse appends what became of one batch.
func appendPartitionResponse(dst []byte, version int16, flexible bool, b *Batch) []byte {
	r := &b.Result
	dst = binary.BigEndian.AppendUint32(dst, uint32(b.Partition))
	dst = binary.BigEndian.AppendUint16(dst, uint16(r.Code))
	dst = binary.BigEndian.AppendUint64(dst, uint64(r.BaseOffset))
	if version >= 2 {
		dst = binary.BigEndian.AppendUint64(dst, uint64(r.LogAppendTime))
	}
	if version >= 5 {
		dst = binary.BigEndian.AppendUint64(dst, uint64(r.LogStartOffset))
	}
	if version >= 8 {
		dst = appendCount(dst, flexible, len(r.RecordErrors))
		for _, e := range r.RecordErrors {
			dst = binary.BigEndian.AppendUint32(dst, uint32(e.Index))
			dst = appendNullable(dst, flexible, e.Message)
			dst = appendTags(dst, flexible)
		}
		dst = appendNullable(dst, flexible, r.Message)
	}
	if version >= 10 && r.Code == NotLeaderOrFollower && r.LeaderEpoch >= 0 {
		dst = append(dst, 1, tagCurrentLeader, 4+4+1) // one field of 9 bytes
		dst = binary.BigEndian.AppendUint32(dst, 0)   // leader id
		dst = binary.BigEndian.AppendUint32(dst, uint32(r.LeaderEpoch))
		return append(dst, 0)
	}
	return appendTags(dst, flexible)
}

// tagCurrentLeader is the tag of a partition's CurrentLeader: leader id, leader epoch, tagged fields (KIP-951).
const tagCurrentLeader = 0
