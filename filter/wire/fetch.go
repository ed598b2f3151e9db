package wire

import (
	"fmt"
	"math"
)

// FetchRequest is a Fetch request of a consumer (FetchRequest.json, versions 4 to 18). What followers say besides is left out, and so is
// the rack, which does not change what is answered here.
type FetchRequest struct {
	MaxWaitMillis, MinBytes, MaxBytes int32
	Isolation                         int8  // 0: all records; 1: those of transactions only when they are committed
	SessionID, SessionEpoch           int32 // of KIP-227; up to version 6 0 and SessionFinal
	Topics                            []FetchTopic
	Forgotten                         []ForgottenTopic // what is taken out of the session
}

// ForgottenTopic is partitions that a Fetch session is not of any more. The topic is named as in FetchTopic.
type ForgottenTopic struct {
	Name       string
	ID         [16]byte
	Partitions []int32
}

// FetchTopic is one topic of a Fetch request. Up to version 12 it has a name, from 13 on an id.
type FetchTopic struct {
	Name       string
	ID         [16]byte
	Partitions []FetchPartition
}

// FetchPartition is one partition of a Fetch request, and from where on it is read.
type FetchPartition struct {
	Partition        int32
	LeaderEpoch      int32 // -1: the client does not know it, as always before version 9
	Offset           int64
	LastFetchedEpoch int32 // -1: none, as always before version 12
	MaxBytes         int32
}

const (
	// The versions of Fetch that are read and written here.
	minFetch, maxFetch = 4, 18
	// fetchByID is the first version that names topics by id (KIP-516).
	fetchByID = 13
)

// The epochs of a Fetch whose session does not go on. Such a request names all partitions, and its answer has all of them.
const (
	SessionInitial = 0  // it begins a session
	SessionFinal   = -1 // it is of no session, and ends the one that it names
)

// NextSessionEpoch is the epoch of the request that follows in a session, which may be its first.
func NextSessionEpoch(epoch int32) int32 {
	if epoch == math.MaxInt32 {
		return 1
	}
	return epoch + 1
}

// FetchHasSessions says whether a version of Fetch has sessions.
func FetchHasSessions(version int16) bool { return version >= 7 }

// FetchNamesByID says whether a version of Fetch names topics by id.
func FetchNamesByID(version int16) bool { return version >= fetchByID }

// DecodeFetch reads the body of a Fetch request, and keeps nothing of it. A partition that is named twice is there twice. There are at
// most MaxControlElements of them.
//
// Anything wrong is a *Violation; then the request is empty. Bytes behind the request are not looked at.
func DecodeFetch(version int16, body []byte) (FetchRequest, error) {
	if version < minFetch || version > maxFetch {
		return FetchRequest{}, &Violation{ReasonUnsupportedVersion, fmt.Sprintf("Fetch v%d cannot be decoded", version)}
	}
	if len(body) > MaxControlBytes {
		return FetchRequest{}, &Violation{ReasonRequestTooLarge, fmt.Sprintf("Fetch v%d: body of %d bytes, the limit is %d",
			version, len(body), MaxControlBytes)}
	}
	r := newReader(body, version >= ShapeFetch.Flexible)
	r.most = MaxControlElements
	req := FetchRequest{SessionEpoch: SessionFinal}
	if version < 15 {
		r.int32("replica id")
	}
	req.MaxWaitMillis = r.int32("max wait")
	req.MinBytes = r.int32("min bytes")
	req.MaxBytes = r.int32("max bytes")
	req.Isolation = r.int8("isolation level")
	if FetchHasSessions(version) {
		req.SessionID = r.int32("session id")
		req.SessionEpoch = r.int32("session epoch")
	}
	r.fetchTopics(version, &req)
	if FetchHasSessions(version) {
		r.forgottenTopics(version, &req)
	}
	if version >= 11 {
		r.str("rack")
	}
	r.tags()
	if err := r.endRequest("Fetch", version); err != nil {
		return FetchRequest{}, err
	}
	return req, nil
}

// fetchTopics reads what is to be fetched.
func (r *reader) fetchTopics(version int16, req *FetchRequest) {
	if n := r.list(leastTopic(version), "topics"); n > 0 {
		req.Topics = make([]FetchTopic, n)
	}
	for i := range req.Topics {
		t := &req.Topics[i]
		r.fetchTopic(version, &t.Name, &t.ID)
		if n := r.list(leastFetchPartition(version), "partitions"); n > 0 {
			t.Partitions = make([]FetchPartition, n)
		}
		for j := range t.Partitions {
			r.fetchPartition(version, &t.Partitions[j])
		}
		r.tags()
	}
}

// fetchTopic reads how a topic is named.
func (r *reader) fetchTopic(version int16, name *string, id *[16]byte) {
	if FetchNamesByID(version) {
		copy(id[:], r.span(len(id), "topic id"))
	} else {
		*name = string(r.str("topic"))
	}
}

func (r *reader) fetchPartition(version int16, p *FetchPartition) {
	p.LeaderEpoch, p.LastFetchedEpoch = -1, -1
	p.Partition = r.int32("partition")
	if version >= 9 {
		p.LeaderEpoch = r.int32("leader epoch")
	}
	p.Offset = r.int64("offset")
	if version >= 12 {
		p.LastFetchedEpoch = r.int32("last fetched epoch")
	}
	if version >= 5 {
		r.int64("log start offset") // a follower's
	}
	p.MaxBytes = r.int32("partition max bytes")
	r.tags()
}

// forgottenTopics reads what is to be taken out of a session.
func (r *reader) forgottenTopics(version int16, req *FetchRequest) {
	if n := r.list(leastTopic(version), "forgotten topics"); n > 0 {
		req.Forgotten = make([]ForgottenTopic, n)
	}
	for i := range req.Forgotten {
		t := &req.Forgotten[i]
		r.fetchTopic(version, &t.Name, &t.ID)
		if n := r.list(4, "forgotten partitions"); n > 0 {
			t.Partitions = make([]int32, n)
		}
		for j := range t.Partitions {
			t.Partitions[j] = r.int32("forgotten partition")
		}
		r.tags()
	}
}

// leastTopic is how many bytes a topic with nothing in it has at least.
func leastTopic(version int16) int {
	switch {
	case FetchNamesByID(version):
		return 16 + 1 + 1
	case version >= 12:
		return 1 + 1 + 1
	default:
		return 2 + 4
	}
}

// leastFetchPartition is how many bytes a partition of a request has at least.
func leastFetchPartition(version int16) int {
	n := 4 + 8 + 4
	if version >= 5 {
		n += 8
	}
	if version >= 9 {
		n += 4
	}
	if version >= 12 {
		n += 4 + 1
	}
	return n
}
