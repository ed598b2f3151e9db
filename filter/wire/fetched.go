package wire

import (
	"encoding/binary"
	"fmt"
)

// Fetched is what is answered for one partition of a Fetch.
type Fetched struct {
	Partition int32
	Code      ErrorCode
	// HighWatermark, LastStableOffset and LogStartOffset are -1 where nobody has said.
	HighWatermark, LastStableOffset, LogStartOffset int64
	// Records are what came, unopened; empty: nothing new. Whoever decoded them says how long they are there.
	Records []byte
	// Special is what few answers have; nil: this one has none of it.
	Special *FetchedSpecial
}

// Refused is the answer for a partition that is not read, as brokers give it.
func Refused(partition int32, code ErrorCode) Fetched {
	f := Fetched{Partition: partition, Code: code, HighWatermark: -1, LastStableOffset: -1, LogStartOffset: -1}
	if code != NotLeaderOrFollower { // comes from elsewhere in a broker, which then says null
		f.Special = &noneAborted
	}
	return f
}

// noneAborted is never changed.
//
//nolint:gochecknoglobals // a constant
var noneAborted = FetchedSpecial{Diverging: NoEpochEnd, Snapshot: NoEpochEnd, Aborted: []AbortedTransaction{}}

// FetchedSpecial is what few answers for a partition have.
type FetchedSpecial struct {
	// Diverging is where the log of the client and the broker's part (KIP-595).
	Diverging EpochEnd
	// Snapshot is what a follower is to begin with.
	Snapshot EpochEnd
	// Aborted are the transactions whose records do not count. Nil is null: the client reads those too.
	Aborted []AbortedTransaction
}

// EpochEnd is a leader epoch and the offset where it ends. Both are -1 if there is none.
type EpochEnd struct {
	Epoch  int32
	Offset int64
}

// NoEpochEnd is that there is none.
var NoEpochEnd = EpochEnd{-1, -1} //nolint:gochecknoglobals // a constant

// AbortedTransaction is a transaction that was aborted.
type AbortedTransaction struct{ ProducerID, FirstOffset int64 }

// FetchResponse is what a Fetch response says beside its partitions.
type FetchResponse struct {
	ThrottleMillis int32
	Code           ErrorCode // of the whole request
	SessionID      int32     // 0: none, as always before version 7
}

// DecodeFetchResponse reads a real broker's answer to a Fetch, versions 4 to 18, and shows each partition to visit, with the name of its
// topic, or its id from version 13 on. body is what follows the correlation id. Records points into body; visit keeps neither name nor p.
//
// Node endpoints, current leaders and preferred replicas are left out: metadata says the same.
//
// It fails with a *Violation when the body does not parse. Some partitions may have been shown by then.
func DecodeFetchResponse(version int16, body []byte, visit func(name []byte, id [16]byte, p *Fetched)) (FetchResponse, error) {
	if version < minFetch || version > maxFetch {
		return FetchResponse{}, &Violation{ReasonUnsupportedVersion, fmt.Sprintf("Fetch response v%d cannot be decoded", version)}
	}
	r := newReader(body, version >= ShapeFetch.Flexible)
	r.most = len(body) // aborted transactions may be many, and are not kept
	var f FetchResponse
	r.tags() // of the response header
	f.ThrottleMillis = r.int32("throttle time")
	if FetchHasSessions(version) {
		f.Code = ErrorCode(r.int16("error code"))
		f.SessionID = r.int32("session id")
	}
	var p Fetched // once, and not for each
	for range r.list(leastTopic(version), "topics") {
		var name []byte
		var id [16]byte
		if FetchNamesByID(version) {
			copy(id[:], r.span(len(id), "topic id"))
		} else {
			name = r.str("topic")
		}
		for range r.list(leastFetched(version), "partitions") {
			if r.fetched(version, &p); r.ok() {
				visit(name, id, &p)
			}
		}
		r.tags()
	}
	r.tags()
	if err := r.end("Fetch response", version); err != nil {
		return FetchResponse{}, err
	}
	return f, nil
}

// fetched reads the answer for one partition.
func (r *reader) fetched(version int16, p *Fetched) {
	*p = Fetched{LogStartOffset: -1}
	p.Partition = r.int32("partition")
	p.Code = ErrorCode(r.int16("error code"))
	p.HighWatermark = r.int64("high watermark")
	p.LastStableOffset = r.int64("last stable offset")
	if version >= 5 {
		p.LogStartOffset = r.int64("log start offset")
	}
	if aborted := r.aborted(); aborted != nil {
		p.special().Aborted = aborted
	}
	if version >= 11 {
		r.int32("preferred read replica")
	}
	p.Records = r.bytes("records")
	if !r.flexible {
		return
	}
	r.eachTag(func(tag uint32, field []byte) {
		switch {
		case tag == tagDiverging && len(field) >= 12:
			p.special().Diverging = EpochEnd{int32(binary.BigEndian.Uint32(field)), int64(binary.BigEndian.Uint64(field[4:]))}
		case tag == tagSnapshot && len(field) >= 12:
			p.special().Snapshot = EpochEnd{int32(binary.BigEndian.Uint32(field[8:])), int64(binary.BigEndian.Uint64(field))}
		}
	})
}

// aborted reads aborted transactions; nil if null.
func (r *reader) aborted() []AbortedTransaction {
	least := 8 + 8
	if r.flexible {
		least++
	}
	n := r.array(least, "aborted transactions")
	if n < 0 || !r.ok() {
		return nil
	}
	all := make([]AbortedTransaction, n)
	for i := range all {
		all[i] = AbortedTransaction{r.int64("producer id"), r.int64("first offset")}
		r.tags()
	}
	return all
}

func (p *Fetched) special() *FetchedSpecial {
	if p.Special == nil {
		p.Special = &FetchedSpecial{Diverging: NoEpochEnd, Snapshot: NoEpochEnd}
	}
	return p.Special
}

// The tags of what a partition's answer may have behind it.
const (
	tagDiverging = 0
	tagSnapshot  = 2
)

// leastFetched is how many bytes the answer for a partition has at least.
func leastFetched(version int16) int {
	n := 4 + 2 + 8 + 8
	if version >= 5 {
		n += 8
	}
	if version >= 11 {
		n += 4
	}
	if version >= 12 {
		return n + 1 + 1 + 1
	}
	return n + 4 + 4
}
