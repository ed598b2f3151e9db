package broker

import (
	"crypto/rand"
	"encoding/binary"
	"maps"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// fetchSession is what a client need not say again with each Fetch (KIP-227): the partitions that it reads, each with what was last asked
// for and told of it. Whoever serves the client's Fetch has it: one request at a time.
type fetchSession struct {
	id    int32 // never 0
	epoch int32 // of the request that comes next
	byID  bool  // it names topics by their ids
	spots map[fetchSpot]*sessionPartition
	most  int // that spots has had, since it was made
	// first and last are the ends of the order in which partitions are read.
	first, last *sessionPartition
	memory      int
}

// fetchSpot is a partition as the client of a session names it: by its topic's name or by its id.
type fetchSpot struct {
	name      string
	id        [16]byte
	partition int32
}

// sessionPartition is one partition of a session.
type sessionPartition struct {
	at               fetchSpot
	asked            wire.FetchPartition
	high, start      int64 // what was last told of its offsets
	previous, behind *sessionPartition
}

// What a session holds: for a partition, its place in the map included, but for the name of its topic; and for itself.
const (
	sessionPartitionCost = 384
	sessionCost          = 256
)

// newFetchSession begins a session.
func newFetchSession(byID bool) *fetchSession {
	return &fetchSession{
		id: newSessionID(), epoch: wire.NextSessionEpoch(wire.SessionInitial), byID: byID, memory: sessionCost,
		spots: map[fetchSpot]*sessionPartition{},
	}
}

// newSessionID is an id that nobody else's session has, as good as certainly.
func newSessionID() int32 {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails
	return max(1, int32(binary.BigEndian.Uint32(b[:])>>1))
}

// spot is how the session names a partition.
func (s *fetchSession) spot(name string, id [16]byte, partition int32) fetchSpot {
	if s.byID {
		return fetchSpot{id: id, partition: partition}
	}
	return fetchSpot{name: name, partition: partition}
}

// update takes note of what a request asks for anew or otherwise, and then forgets what it says.
func (s *fetchSession) update(r *wire.FetchRequest) {
	for i := range r.Topics {
		t := &r.Topics[i]
		for _, asked := range t.Partitions {
			s.add(s.spot(t.Name, t.ID, asked.Partition)).asked = asked
		}
	}
	for i := range r.Forgotten {
		t := &r.Forgotten[i]
		for _, partition := range t.Partitions {
			if p := s.spots[s.spot(t.Name, t.ID, partition)]; p != nil {
				delete(s.spots, p.at)
				s.unlink(p)
				s.memory -= p.memory()
			}
		}
	}
	s.shrink()
}

// shrink makes spots anew if it has room for many more than there are: a map keeps what it has had.
func (s *fetchSession) shrink() {
	if s.most <= 2*len(s.spots)+64 {
		return
	}
	spots := make(map[fetchSpot]*sessionPartition, len(s.spots))
	maps.Copy(spots, s.spots)
	s.spots, s.most = spots, len(spots)
}

// add is the partition at a place, which is the last one if it is new.
func (s *fetchSession) add(at fetchSpot) *sessionPartition {
	p := s.spots[at]
	if p == nil {
		p = &sessionPartition{at: at, high: -1, start: -1}
		s.spots[at] = p
		s.most = max(s.most, len(s.spots))
		s.link(p)
		s.memory += p.memory()
	}
	return p
}

// memory is how much is held for the partition.
func (p *sessionPartition) memory() int { return sessionPartitionCost + len(p.at.name) }

// link puts a partition behind all others.
func (s *fetchSession) link(p *sessionPartition) {
	p.previous, p.behind = s.last, nil
	if s.last == nil {
		s.first = p
	} else {
		s.last.behind = p
	}
	s.last = p
}

// unlink takes a partition out of the order.
func (s *fetchSession) unlink(p *sessionPartition) {
	if p.previous == nil {
		s.first = p.behind
	} else {
		p.previous.behind = p.behind
	}
	if p.behind == nil {
		s.last = p.previous
	} else {
		p.behind.previous = p.previous
	}
	p.previous, p.behind = nil, nil
}

// topics is all that is read, in its order, as a full request would name it: partitions of one topic that follow each other are together.
func (s *fetchSession) topics() (topics []wire.FetchTopic) {
	partitions := make([]wire.FetchPartition, 0, len(s.spots))
	begin := 0
	for p := s.first; p != nil; p = p.behind {
		if p.previous == nil || p.previous.at.name != p.at.name || p.previous.at.id != p.at.id {
			topics = append(topics, wire.FetchTopic{Name: p.at.name, ID: p.at.id})
			begin = len(partitions)
		}
		partitions = append(partitions, p.asked)
		topics[len(topics)-1].Partitions = partitions[begin:len(partitions):len(partitions)]
	}
	return topics
}

// begin takes note of a full request and of what is told of each of its partitions.
func (s *fetchSession) begin(r *wire.FetchRequest, told []wire.FetchedTopic) {
	for i := range told {
		t, partitions := &r.Topics[i], told[i].Partitions
		for j := range partitions {
			asked := t.Partitions[j]
			p := s.add(s.spot(t.Name, t.ID, asked.Partition))
			p.asked = asked
			p.tell(&partitions[j])
		}
	}
}

// tell takes note of what there is to be told of a partition, and reports whether the client has to be told: of records, of an error, of
// where its log and a broker's part, and of offsets that are others than it knows, if there are any. Who was told of an error is told of the
// offsets again.
func (p *sessionPartition) tell(f *wire.Fetched) bool {
	if f.Code != wire.None {
		p.high = -1
		return true
	}
	news := len(f.Records) > 0 || f.Special != nil && (f.Special.Diverging != wire.NoEpochEnd || f.Special.Snapshot != wire.NoEpochEnd)
	if f.HighWatermark >= 0 && (f.HighWatermark != p.high || f.LogStartOffset != p.start) {
		p.high, p.start = f.HighWatermark, f.LogStartOffset
		news = true
	}
	return news
}

// tell calls kept with each partition of an answer to all that is read that the client has to be told of, in their order, and with its
// topic. kept may put what it has got into the place of what it got before, or of what it did not get. Partitions with records are read
// last from now on, so that none has to wait for ever.
func (s *fetchSession) tell(topics []wire.FetchedTopic, kept func(topic int, f *wire.Fetched)) {
	p, end := s.first, s.last
	for i := range topics {
		partitions := topics[i].Partitions
		for j := range partitions {
			f, at := &partitions[j], p
			if p = at.behind; at == end {
				p = nil
			}
			if !at.tell(f) {
				continue
			}
			if len(f.Records) > 0 {
				s.unlink(at)
				s.link(at)
			}
			kept(i, f)
		}
	}
}
