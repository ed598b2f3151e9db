package wire

import (
	"encoding/binary"
	"math/bits"
)

// Endpoint is where clients find node 0, the only one they are told of.
type Endpoint struct {
	Host string
	Port int32
}

// AppendProduceResponse appends the whole frame that answers the Produce request h (ProduceResponse.json, versions 0 to
// 12): for each batch its Result, as far as the version can say it. topics are the request's; it keeps none of them.
//
// From version 10 on, NOT_LEADER_OR_FOLLOWER with a known LeaderEpoch carries the current leader, which is always node
// 0, and the response says that node 0 is at self: franz-go takes no hint without it (KIP-951).
func AppendProduceResponse(dst []byte, h Header, topics []ProduceTopic, throttleMillis int32, self Endpoint) []byte {
	start := len(dst)
	flexible := h.Version >= flexibleProduce
	hinted := false
	dst = appendResponseHeader(dst, h.CorrelationID, flexible)
	dst = appendCount(dst, flexible, len(topics))
	for i := range topics {
		t := &topics[i]
		dst = appendString(dst, flexible, t.Name)
		dst = appendCount(dst, flexible, len(t.Batches))
		for j := range t.Batches {
			dst = appendPartitionResponse(dst, h.Version, flexible, &t.Batches[j])
			hinted = hinted || hints(h.Version, &t.Batches[j].Result)
		}
		dst = appendTags(dst, flexible)
	}
	if h.Version >= 1 {
		dst = binary.BigEndian.AppendUint32(dst, uint32(throttleMillis))
	}
	if hinted {
		dst = appendNodeEndpoints(dst, self)
	} else {
		dst = appendTags(dst, flexible)
	}
	return endFrame(dst, start)
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
	if hints(version, r) {
		dst = append(dst, 1, tagCurrentLeader, 4+4+1) // one field of 9 bytes
		dst = binary.BigEndian.AppendUint32(dst, 0)   // leader id
		dst = binary.BigEndian.AppendUint32(dst, uint32(r.LeaderEpoch))
		return append(dst, 0)
	}
	return appendTags(dst, flexible)
}

// hints says whether a result names the partition's current leader.
func hints(version int16, r *Result) bool {
	return version >= 10 && r.Code == NotLeaderOrFollower && r.LeaderEpoch >= 0
}

// appendNodeEndpoints appends a response's tagged fields: where node 0 is, and nothing else.
func appendNodeEndpoints(dst []byte, self Endpoint) []byte {
	host := clip(self.Host)
	count := uvarintSize(uint64(len(host) + 1))
	size := 1 + 4 + count + len(host) + 4 + 1 + 1 // array length, node id, host, port, rack, tagged fields
	dst = append(dst, 1, tagNodeEndpoints)
	dst = binary.AppendUvarint(dst, uint64(size))
	dst = append(dst, 1+1)                      // one endpoint
	dst = binary.BigEndian.AppendUint32(dst, 0) // node id
	dst = appendString(dst, true, host)
	dst = binary.BigEndian.AppendUint32(dst, uint32(self.Port))
	return append(dst, 0, 0) // no rack, no tagged fields
}

func uvarintSize(n uint64) int { return (bits.Len64(n|1) + 6) / 7 }

// tagNodeEndpoints is the tag of a response's NodeEndpoints (KIP-951).
const tagNodeEndpoints = 0

// tagCurrentLeader is the tag of a partition's CurrentLeader: leader id, leader epoch, tagged fields (KIP-951).
const tagCurrentLeader = 0
