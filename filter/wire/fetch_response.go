package wire

import "encoding/binary"

// FetchedTopic is what is answered for one topic of a Fetch: the name or the id, as the request has it.
type FetchedTopic struct {
	Name       string
	ID         [16]byte
	Partitions []Fetched
}

// Refuse answers each partition of t with a code. Its Partitions are as many as the topic that was asked for has.
func (t *FetchedTopic) Refuse(asked *FetchTopic, code ErrorCode) {
	for i := range t.Partitions {
		t.Partitions[i] = Refused(asked.Partitions[i].Partition, code)
	}
}

// AppendFetchResponse appends to segments the whole frame that answers the Fetch request h (FetchResponse.json, versions 4 to 18), to be
// written in this order: fixed parts, which are new, and between them Records, aliased and not copied. It returns segments, as append
// does. size is what FetchResponseSize says.
//
// Node endpoints and current leaders are never sent (KIP-951), for what AppendProduceResponse says, and no replica
// is preferred: the client knows one node. Records are never null: librdkafka takes that for a broken answer, and asks again at once.
func AppendFetchResponse(segments [][]byte, h Header, r FetchResponse, topics []FetchedTopic, size int) [][]byte {
	v, flexible := h.Version, h.Version >= ShapeFetch.Flexible
	b := make([]byte, 0, size) // it never moves, so that segments may point into it
	b = appendResponseHeader(b, h.CorrelationID, flexible)
	b = appendInt32(b, r.ThrottleMillis)
	if FetchHasSessions(v) {
		b = binary.BigEndian.AppendUint16(b, uint16(r.Code))
		b = appendInt32(b, r.SessionID)
	}
	b = appendCount(b, flexible, len(topics))
	cut, aliased := 0, 0
	for i := range topics {
		t := &topics[i]
		b = appendTopicName(b, v, flexible, t.Name, &t.ID)
		b = appendCount(b, flexible, len(t.Partitions))
		for j := range t.Partitions {
			p := &t.Partitions[j]
			b = appendFetched(b, v, flexible, p)
			if len(p.Records) > 0 {
				segments = append(segments, b[cut:len(b):len(b)], p.Records)
				cut = len(b)
				aliased += len(p.Records)
			}
			b = appendFetchedTags(b, flexible, p)
		}
		b = appendTags(b, flexible)
	}
	b = appendTags(b, flexible)
	if cut < len(b) {
		segments = append(segments, b[cut:len(b):len(b)])
	}
	binary.BigEndian.PutUint32(b, uint32(len(b)-lengthSize+aliased))
	return segments
}

// appendFetched appends the answer for one partition, up to its records.
func appendFetched(b []byte, version int16, flexible bool, p *Fetched) []byte {
	b = appendInt32(b, p.Partition)
	b = binary.BigEndian.AppendUint16(b, uint16(p.Code))
	b = appendInt64(b, p.HighWatermark)
	b = appendInt64(b, p.LastStableOffset)
	if version >= 5 {
		b = appendInt64(b, p.LogStartOffset)
	}
	if p.Special == nil || p.Special.Aborted == nil {
		b = appendNull(b, flexible)
	} else {
		b = appendCount(b, flexible, len(p.Special.Aborted))
		for _, a := range p.Special.Aborted {
			b = appendInt64(appendInt64(b, a.ProducerID), a.FirstOffset)
			b = appendTags(b, flexible)
		}
	}
	if version >= 11 {
		b = appendInt32(b, -1) // preferred read replica
	}
	return appendCount(b, flexible, len(p.Records))
}

// appendNull appends an array that is null.
func appendNull(b []byte, flexible bool) []byte {
	if flexible {
		return append(b, 0)
	}
	return appendInt32(b, -1)
}

// appendFetchedTags appends the tagged fields of a partition.
func appendFetchedTags(b []byte, flexible bool, p *Fetched) []byte {
	if !flexible || p.Special == nil {
		return appendTags(b, flexible)
	}
	const end = 4 + 8 + 1 // the size of an EpochEnd
	at := len(b)
	b = append(b, 0) // how many there are
	if d := p.Special.Diverging; d != NoEpochEnd {
		b[at]++
		b = append(b, tagDiverging, end)
		b = append(appendInt64(appendInt32(b, d.Epoch), d.Offset), 0)
	}
	if s := p.Special.Snapshot; s != NoEpochEnd {
		b[at]++
		b = append(b, tagSnapshot, end)
		b = append(appendInt32(appendInt64(b, s.Offset), s.Epoch), 0)
	}
	return b
}

// FetchResponseSize is at least the size of the frame that AppendFetchResponse appends without the records, and not much more; and how
// long those are.
func FetchResponseSize(topics []FetchedTopic) (size, records int) {
	const (
		head      = 4 + 4 + 1 + 4 + 2 + 4 + 5 + 1
		topic     = 16 + 2 + 5 + 1
		partition = 4 + 2 + 8 + 8 + 8 + 5 + 4 + 5 + 1
		special   = 2 * (2 + 4 + 8 + 1)
		aborted   = 8 + 8 + 1
	)
	size = head
	for i := range topics {
		t := &topics[i]
		size += topic + len(t.Name) + partition*len(t.Partitions)
		for j := range t.Partitions {
			p := &t.Partitions[j]
			records += len(p.Records)
			if p.Special != nil {
				size += special + aborted*len(p.Special.Aborted)
			}
		}
	}
	return size, records
}
