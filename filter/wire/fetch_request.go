package wire

import (
	"encoding/binary"
	"slices"
)

// FetchHeader is what a Fetch request to a real broker says in its header.
type FetchHeader struct {
	Version       int16 // 4 to 18
	CorrelationID int32
	ClientID      string
}

// AppendFetchRequest appends a whole Fetch request, with its length: that of a consumer in no rack. It keeps neither dst nor r. Up to
// version 12 each topic needs a name, from 13 on an id. Up to version 6 there is no session, whatever r says.
func AppendFetchRequest(dst []byte, h FetchHeader, r *FetchRequest) []byte {
	v, flexible := h.Version, h.Version >= ShapeFetch.Flexible
	dst = slices.Grow(dst, fetchRequestBound(h, r))
	start := len(dst)
	dst = binary.BigEndian.AppendUint32(dst, 0) // length
	dst = binary.BigEndian.AppendUint16(dst, uint16(KeyFetch))
	dst = binary.BigEndian.AppendUint16(dst, uint16(v))
	dst = binary.BigEndian.AppendUint32(dst, uint32(h.CorrelationID))
	dst = appendString(dst, false, h.ClientID) // never compact
	dst = appendTags(dst, flexible)
	if v < 15 {
		dst = appendInt32(dst, -1) // replica id
	}
	dst = appendInt32(dst, r.MaxWaitMillis)
	dst = appendInt32(dst, r.MinBytes)
	dst = appendInt32(dst, r.MaxBytes)
	dst = append(dst, byte(r.Isolation))
	if FetchHasSessions(v) {
		dst = appendInt32(dst, r.SessionID)
		dst = appendInt32(dst, r.SessionEpoch)
	}
	dst = appendCount(dst, flexible, len(r.Topics))
	for i := range r.Topics {
		dst = appendFetchTopic(dst, v, flexible, &r.Topics[i])
	}
	if FetchHasSessions(v) {
		dst = appendForgotten(dst, v, flexible, r.Forgotten)
	}
	if v >= 11 {
		dst = appendString(dst, flexible, "") // rack
	}
	dst = appendTags(dst, flexible)
	return endFrame(dst, start)
}

func appendFetchTopic(dst []byte, version int16, flexible bool, t *FetchTopic) []byte {
	dst = appendTopicName(dst, version, flexible, t.Name, &t.ID)
	dst = appendCount(dst, flexible, len(t.Partitions))
	for i := range t.Partitions {
		p := &t.Partitions[i]
		dst = appendInt32(dst, p.Partition)
		if version >= 9 {
			dst = appendInt32(dst, p.LeaderEpoch)
		}
		dst = binary.BigEndian.AppendUint64(dst, uint64(p.Offset))
		if version >= 12 {
			dst = appendInt32(dst, p.LastFetchedEpoch)
		}
		if version >= 5 {
			dst = appendInt64(dst, -1) // log start offset
		}
		dst = appendInt32(dst, p.MaxBytes)
		dst = appendTags(dst, flexible)
	}
	return appendTags(dst, flexible)
}

func appendForgotten(dst []byte, version int16, flexible bool, topics []ForgottenTopic) []byte {
	dst = appendCount(dst, flexible, len(topics))
	for i := range topics {
		t := &topics[i]
		dst = appendTopicName(dst, version, flexible, t.Name, &t.ID)
		dst = appendCount(dst, flexible, len(t.Partitions))
		for _, partition := range t.Partitions {
			dst = appendInt32(dst, partition)
		}
		dst = appendTags(dst, flexible)
	}
	return dst
}

// appendTopicName appends how a version of Fetch names a topic.
func appendTopicName(dst []byte, version int16, flexible bool, name string, id *[16]byte) []byte {
	if FetchNamesByID(version) {
		return append(dst, id[:]...)
	}
	return appendString(dst, flexible, name)
}

func appendInt32(dst []byte, n int32) []byte { return binary.BigEndian.AppendUint32(dst, uint32(n)) }

func appendInt64(dst []byte, n int64) []byte { return binary.BigEndian.AppendUint64(dst, uint64(n)) }

// fetchRequestBound is at least the size of the request.
func fetchRequestBound(h FetchHeader, r *FetchRequest) int {
	const (
		head      = 4 + 2 + 2 + 4 + 2 + 1 + 4 + 4 + 4 + 4 + 1 + 4 + 4 + 5 + 4 + 2 + 1
		topic     = 16 + 2 + 5 + 1
		partition = 4 + 4 + 8 + 4 + 8 + 4 + 1
	)
	n := head + len(h.ClientID)
	for i := range r.Topics {
		n += topic + len(r.Topics[i].Name) + partition*len(r.Topics[i].Partitions)
	}
	for i := range r.Forgotten {
		n += topic + len(r.Forgotten[i].Name) + 4*len(r.Forgotten[i].Partitions)
	}
	return n
}
