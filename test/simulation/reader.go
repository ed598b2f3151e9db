package simulation

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire/wiretest"
	"github.com/kafkamesh/envoy-kafka-mesh/test/ledger"
)

const (
	readerMetadata = 12 // the first with topic ids that can be asked for by name
	byName, byID   = 11, 17
	// dueReading is how much longer than a client asks for an answer may take. Ids that are not known are asked for first.
	dueReading = 3 * time.Second
	// pauseReading is how long a client waits before it asks again what was refused.
	pauseReading = 100 * time.Millisecond
)

// habit is how a reader reads.
type habit struct {
	version   int16
	topics    []string
	wait      time.Duration // max_wait
	least     int32         // min_bytes
	most      int32         // max_bytes
	each      int32         // max_bytes of a partition
	epochs    bool          // it says which leader epoch it knows of
	seeks     int           // how often it goes back
	leavesOut bool          // it does not ask for all partitions each time, as clients do that hold some back
	dawdles   time.Duration // between an answer and the next request, on average
	sessions  bool          // it says only what has changed, if its broker lets it
}

// reader is a model of a consumer without a group: it keeps its offsets itself. Everything it does happens on the timeline.
type reader struct {
	habit

	name   string
	line   *timeline
	mesh   *mesh
	rnd    *rand.Rand
	away   time.Duration
	link   *link
	frozen bool
	// frozenAt is until when it last was.
	frozenAt time.Time
	ended    bool
	waiting  bool // it looks again by itself
	ignorant bool // it has to ask for metadata
	topicIDs map[string][16]byte
	spots    []*readingSpot
	asked    []*readingSpot // by the request that is on its way
	from     []int64        // which offsets
	session  readingSession
	broken   []string
}

// readingSpot is a partition that a reader reads.
type readingSpot struct {
	place ledger.Place
	id    [16]byte
	next  int64 // offset
	epoch int32
	given []ledger.Delivery
}

// look does whatever there is to do now.
func (r *reader) look() {
	if r.frozen || r.ended || r.waiting {
		return
	}
	if r.link == nil {
		r.link = new(link)
		r.mesh.connect(r, r.link)
		return
	}
	if !r.link.up || len(r.link.pending) > 0 {
		return
	}
	if r.ignorant {
		r.ask()
		return
	}
	r.fetch()
}

// lookIn has the reader look again in a while, and not before.
func (r *reader) lookIn(d time.Duration) {
	if r.waiting {
		return
	}
	r.waiting = true
	r.line.after(d, func() {
		r.waiting = false
		r.look()
	})
}

// send sends a request and has an answer be expected.
func (r *reader) send(p pending, frame []byte, within time.Duration) {
	l := r.link
	p.id, p.sent = l.next, time.Now()
	l.next++
	l.pending = append(l.pending, p)
	r.line.after(within+2*r.away+r.away/2+time.Millisecond, func() {
		if l.dead || r.frozen || r.ended || len(l.pending) == 0 || l.pending[0].id != p.id || !p.sent.After(r.frozenAt) {
			return
		}
		r.broken = append(r.broken, fmt.Sprintf("at %s: no answer in %s", r.line.now(), time.Since(p.sent)))
		l.way.close()
		r.lost(l)
	})
	l.way.send(frame)
}

// ask asks for metadata.
func (r *reader) ask() {
	q := kmsg.NewPtrMetadataRequest()
	for _, topic := range r.topics {
		q.Topics = append(q.Topics, kmsg.MetadataRequestTopic{Topic: &topic})
	}
	r.send(pending{ask: true}, wiretest.Frame(wire.KeyMetadata, readerMetadata, r.link.next, r.name, q), due)
}

// fetch asks for what comes next.
func (r *reader) fetch() {
	q := kmsg.NewPtrFetchRequest()
	q.MaxWaitMillis, q.MinBytes, q.MaxBytes, q.SessionEpoch = int32(r.wait.Milliseconds()), r.least, r.most, -1
	r.asked, r.from = r.asked[:0], r.from[:0]
	for _, s := range r.spots {
		if r.leavesOut && r.rnd.IntN(4) == 0 {
			continue
		}
		if r.seeks > 0 && r.rnd.IntN(10) == 0 && len(s.given) > 0 {
			r.seeks--
			s.next = s.given[r.rnd.IntN(len(s.given))].Offset
		}
		if n := len(q.Topics); n == 0 || q.Topics[n-1].Topic != s.place.Topic {
			t := kmsg.NewFetchRequestTopic()
			if t.Topic = s.place.Topic; r.version == byID {
				t.TopicID = r.topicIDs[s.place.Topic]
			}
			q.Topics = append(q.Topics, t)
		}
		p := kmsg.NewFetchRequestTopicPartition()
		p.Partition, p.FetchOffset, p.PartitionMaxBytes, p.CurrentLeaderEpoch = s.place.Partition, s.next, r.each, -1
		if r.epochs {
			p.CurrentLeaderEpoch = s.epoch
		}
		t := &q.Topics[len(q.Topics)-1]
		t.Partitions = append(t.Partitions, p)
		r.asked, r.from = append(r.asked, s), append(r.from, s.next)
	}
	if len(r.asked) == 0 {
		r.lookIn(time.Millisecond)
		return
	}
	if r.sessions {
		r.session.shorten(q)
	}
	r.send(pending{}, wiretest.Frame(wire.KeyFetch, r.version, r.link.next, r.name, q), r.wait+dueReading)
}

// take takes one answer.
func (r *reader) take(frame []byte) error {
	if len(r.link.pending) == 0 {
		return fmt.Errorf("an answer that nobody asked for: % x", frame)
	}
	p := r.link.pending[0]
	r.link.pending = r.link.pending[1:]
	if id := int32(binary.BigEndian.Uint32(frame[4:])); id != p.id {
		return fmt.Errorf("answer to %d, expected %d", id, p.id)
	}
	key, version := wire.KeyFetch, r.version
	if p.ask {
		key, version = wire.KeyMetadata, readerMetadata
	}
	_, response, err := wiretest.ParseResponse(key, version, frame)
	if err != nil {
		return err
	}
	switch a := response.(type) {
	case *kmsg.MetadataResponse:
		r.learn(a)
		return nil
	case *kmsg.FetchResponse:
		return r.takeRecords(a)
	default:
		return fmt.Errorf("answer of another kind: %T", a)
	}
}

// learn takes what metadata says.
func (r *reader) learn(m *kmsg.MetadataResponse) {
	known := 0
	for _, t := range m.Topics {
		if t.ErrorCode != 0 {
			continue
		}
		known++
		r.topicIDs[*t.Topic] = t.TopicID
		for _, s := range r.spots {
			if s.place.Topic != *t.Topic {
				continue
			}
			if s.id != t.TopicID { // it was made anew
				s.id, s.next, s.given = t.TopicID, 0, nil
			}
			for _, p := range t.Partitions {
				if p.Partition == s.place.Partition {
					s.epoch = p.LeaderEpoch
				}
			}
		}
	}
	if r.ignorant = known < len(r.topics); r.ignorant {
		r.lookIn(pauseReading)
	}
}

// takeRecords takes what is answered for each partition. Each that was asked for has to be there.
func (r *reader) takeRecords(a *kmsg.FetchResponse) error {
	if r.sessions && r.session.refused(wire.ErrorCode(a.ErrorCode)) {
		r.line.note("%s begins another session: %s", r.name, wire.ErrorCode(a.ErrorCode))
		return nil
	}
	if a.ErrorCode != 0 {
		return fmt.Errorf("refused: %s", wire.ErrorCode(a.ErrorCode))
	}
	if !r.sessions && a.SessionID != 0 {
		return fmt.Errorf("given a session, %d, which was not asked for", a.SessionID)
	}
	full := r.session.answered(a.SessionID)
	told := 0
	for _, t := range a.Topics {
		for _, p := range t.Partitions {
			i := slices.IndexFunc(r.asked, func(s *readingSpot) bool {
				return s.place.Partition == p.Partition && (s.place.Topic == t.Topic || t.Topic == "" && r.topicIDs[s.place.Topic] == t.TopicID)
			})
			if i < 0 {
				return fmt.Errorf("told of what was not asked for: %s %x/%d", t.Topic, t.TopicID, p.Partition)
			}
			told++
			if err := r.takePartition(r.asked[i], r.from[i], &p); err != nil {
				return err
			}
		}
	}
	if full && told != len(r.asked) {
		return fmt.Errorf("%d of %d partitions answered", told, len(r.asked))
	}
	if d := exponential(r.rnd, r.dawdles); d > 0 {
		r.lookIn(d)
	}
	return nil
}

// takePartition takes what is answered for a partition that was asked for from an offset on.
func (r *reader) takePartition(s *readingSpot, from int64, p *kmsg.FetchResponseTopicPartition) error {
	switch code := wire.ErrorCode(p.ErrorCode); code {
	case wire.None:
	case wire.NotLeaderOrFollower, wire.FencedLeaderEpoch, wire.UnknownLeaderEpoch, wire.LeaderNotAvailable, wire.UnknownTopicOrPartition,
		wire.UnknownTopicID, wire.KafkaStorageError:
		r.line.note("%s is told %s of %s", r.name, code, s.place)
		r.ignorant = true
		r.lookIn(pauseReading)
		return nil
	default:
		return fmt.Errorf("%s of %s from %d", code, s.place, from)
	}
	for b := p.RecordBatches; len(b) > 0; {
		if len(b) < batchHeader || len(b) < lengthEnd+int(binary.BigEndian.Uint32(b[8:])) {
			return nil // the last one may be torn
		}
		size := lengthEnd + int(binary.BigEndian.Uint32(b[8:]))
		batch := slices.Clone(b[:size])
		offset := int64(binary.BigEndian.Uint64(batch))
		clear(batch[:8])
		if offset != s.next {
			return fmt.Errorf("given %d of %s, where %d comes next", offset, s.place, s.next)
		}
		s.given = append(s.given, ledger.Delivery{Offset: offset, Sum: sum(batch)})
		s.next = offset + int64(binary.BigEndian.Uint32(batch[23:])) + 1
		b = b[size:]
	}
	r.line.note("%s has read %s up to %d", r.name, s.place, s.next)
	return nil
}

// What is read of a batch: where its length ends, and how long it is without records.
const (
	lengthEnd   = 12
	batchHeader = 61
)
