package fetch

import "github.com/kafkamesh/envoy-kafka-mesh/filter/wire"

// place is where a partition is. A topic that was made anew is another one, whose id is another.
type place struct {
	topic
	partition int32
}

// placeCost is how much memory is held for what is known of a partition, its place in a map included.
const placeCost = 512

// memory is how much is held for what is known of it.
func (p *place) memory() int { return placeCost + len(p.name) }

// topic is how a client names a topic; its id is zero if it asks by name.
type topic struct {
	name string
	id   [16]byte
}

// asked is what a client wants of a partition. A poll for anything else is none for it.
type asked struct {
	wire.FetchPartition

	isolation int8
}

// partition is what is known of a partition that a client reads. The mutex of its Polls guards it.
type partition struct {
	at     place
	asked  asked
	number uint64 // of the Fetching that last asked for it
	order  int    // its place in that
	state  state
	// poll is that which asks for it, or whose answer is ready; nil: there is none.
	poll   *poll
	result wire.Fetched // if it is ready
	marks  marks
}

// trail is partitions in the order in which they were asked for, to be found where they were.
type trail struct {
	partitions []*partition
	at         int // where the next one is looked for
}

// reset has the trail be of other partitions.
func (t *trail) reset(partitions []*partition) { t.partitions, t.at = partitions, 0 }

// next is a partition, if it is the next one. Nil: it is elsewhere.
func (t *trail) next(at place) *partition {
	if t.at < len(t.partitions) && t.partitions[t.at].at == at {
		t.at++
		return t.partitions[t.at-1]
	}
	return nil
}

// goOn has the trail go on behind a partition that was found otherwise.
func (t *trail) goOn(known *partition) {
	if known.order < len(t.partitions) && t.partitions[known.order] == known {
		t.at = known.order + 1
	}
}

// isFor says whether what is known, or polled for, is for who asks this.
func (p *partition) isFor(a asked) bool {
	return p.asked == a
}

// state is what is known of what is asked for.
type state uint8

const (
	isOpen   state = iota // nothing; a poll asks for it, or should
	isLacked              // there is nobody to ask just now
	isEmpty               // there was nothing new when the last poll came back
	isReady               // something has come, records or an error, and is not taken
)

// marks are the offsets that were last told of a partition.
type marks struct{ high, stable, start int64 }

var noMarks = marks{-1, -1, -1} //nolint:gochecknoglobals // a constant

// placeholder is the answer while there is no news.
func (p *partition) placeholder(code wire.ErrorCode) wire.Fetched {
	if code != wire.None {
		return wire.Refused(p.at.partition, code)
	}
	return wire.Fetched{
		Partition: p.at.partition, HighWatermark: p.marks.high, LastStableOffset: p.marks.stable, LogStartOffset: p.marks.start,
	}
}

// becomeReady takes over what a poll was answered; nil: nobody was asked.
func (p *partition) becomeReady(from *poll, result *wire.Fetched) {
	p.poll, p.state, p.result = from, isReady, *result
	if from != nil {
		from.untaken++
		from.holders.Add(1)
		from.readers.Add(1)
	}
}

// take gives away what is ready. The poll that it is of is still held.
func (p *partition) take() (from *poll, result wire.Fetched) {
	from, result = p.poll, p.result
	if from != nil {
		from.untaken--
	}
	p.poll, p.state, p.result = nil, isOpen, wire.Fetched{}
	return from, result
}

// drop gives up what is ready, if something is, and returns the poll that is held for it.
func (p *partition) drop() *poll {
	if p.state != isReady {
		return nil
	}
	from, _ := p.take()
	return from
}

// learn takes note of the offsets that were told.
func (p *partition) learn(f *wire.Fetched) {
	if f.HighWatermark >= 0 {
		p.marks = marks{f.HighWatermark, f.LastStableOffset, f.LogStartOffset}
	}
}

// isNews says whether an answer for a partition has anything new.
func isNews(f *wire.Fetched) bool {
	return len(f.Records) > 0 || isUrgent(f)
}

// isUrgent says whether a client is told at once, however little there is.
func isUrgent(f *wire.Fetched) bool {
	return f.Code != wire.None || f.Special != nil && (f.Special.Diverging != wire.NoEpochEnd || f.Special.Snapshot != wire.NoEpochEnd)
}

// releases are polls that are held, each as often as it is.
type releases []*poll

func (r *releases) add(q *poll) {
	if q != nil {
		*r = append(*r, q)
	}
}

// leave says that what is held of them has been taken. No lock is held.
func (r *releases) leave() {
	for _, q := range *r {
		q.leave()
	}
}

// free gives back what is held of them, and was taken.
func (r *releases) free() {
	for _, q := range *r {
		q.release()
	}
}

// drop gives back what is held of them, and nobody takes. No lock is held.
func (r *releases) drop() {
	r.leave()
	r.free()
}
