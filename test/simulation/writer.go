package simulation

import (
	"encoding/binary"
	"hash/maphash"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire/wiretest"
	"github.com/kafkamesh/envoy-kafka-mesh/test/ledger"
)

// writer is what a client writes to one partition: its batches in order, until each has its outcome.
type writer struct {
	name   string
	place  ledger.Place
	nature *nature
	rnd    *rand.Rand
	known  map[uint64]ledger.Found // takes note of every batch made

	id       int64
	epoch    int16
	sequence int32 // of the next new batch
	// acked is the sequence number behind the highest that was acknowledged: what librdkafka expects next.
	acked int32

	sends int      // so far
	gaps  int      // OUT_OF_ORDER_SEQUENCE_NUMBER so far
	left  int      // batches still to be made
	queue []*batch // those without an outcome, in order
	told  []ledger.Told
	via   *link // where it sent last
	// over says that the client can go on no longer: it lost count.
	over bool
	// draining: answers to what has been given up are still to come; nothing new is sent until then.
	draining int
}

// batch is one batch. Its number is that of its writer's batch, from 0.
type batch struct {
	number   int
	bytes    []byte
	sequence int32
	count    int32
	made     time.Time
	tries    int
	rests    time.Time // not to be sent again before
	onWay    bool
	sent     int  // the writer's how manieth
	given    bool // up
}

//nolint:gochecknoglobals // sums have to be comparable
var sumSeed = maphash.MakeSeed()

func sum(b []byte) uint64 { return maphash.Bytes(sumSeed, b) }

// make makes the next batch.
func (w *writer) make(now time.Time) {
	count := 1 + w.rnd.IntN(3)
	records := make([]wiretest.Record, count)
	for i := range records {
		value := binary.BigEndian.AppendUint64(nil, uint64(len(w.told)))
		records[i] = wiretest.Record{Value: append(value, w.name...), Timestamp: wiretest.BaseTimestamp}
	}
	b := &batch{number: len(w.told), count: int32(count), made: now}
	described := wiretest.Batch{Records: records}
	if w.nature.numbered {
		b.sequence = w.sequence
		w.sequence = int32((int64(w.sequence) + int64(count)) & math.MaxInt32)
		described.Producer = &wiretest.Producer{ID: w.id, Epoch: w.epoch, Sequence: b.sequence}
	}
	b.bytes = described.Bytes()
	w.queue = append(w.queue, b)
	told := ledger.Told{Offset: -1, Sum: sum(b.bytes)}
	w.known[told.Sum] = ledger.Found{Writer: w.name, Number: b.number, Sum: told.Sum}
	w.told = append(w.told, told)
	w.left--
}

// next is the batch that may be sent now, nil if none may. wait is when one may, zero if that is not a matter of time.
func (w *writer) next(now time.Time) (b *batch, wait time.Time) {
	if w.over || w.draining > 0 {
		return nil, time.Time{}
	}
	latest := 0
	for i, b := range w.queue {
		switch {
		case b.onWay && b.sent < latest && !w.nature.careless:
			return nil, time.Time{} // it was sent before what has to come before it, and will be refused
		case b.onWay:
			latest = b.sent
			continue
		case w.nature.stepwise && b.tries > 0 && i > 0:
			return nil, time.Time{}
		case now.Before(b.rests):
			return nil, b.rests
		default:
			return b, time.Time{}
		}
	}
	return nil, time.Time{}
}

// sent takes note that b is on its way.
func (w *writer) sent(b *batch) {
	b.tries++
	w.sends++
	b.onWay, b.sent = true, w.sends
	if w.nature.acks == 0 {
		w.finish(b, ledger.Abandoned, -1)
	}
}

// answer takes the answer to b.
func (w *writer) answer(b *batch, code wire.ErrorCode, offset int64, now time.Time) {
	b.onWay = false
	switch {
	case b.given:
		w.draining--
	case code == wire.None:
		w.stored(b, offset)
	case code == wire.OutOfOrderSequenceNumber && w.nature.numbered:
		w.outOfOrder(b, now)
	case retriable(code):
		w.rest(b, now)
	default:
		w.finish(b, ledger.Refused, -1)
		w.over = w.nature.numbered
	}
}

// outOfOrder is what clients make of OUT_OF_ORDER_SEQUENCE_NUMBER. Java sends the batch again. librdkafka compares it with what
// it expects next: what lies before has been stored, what lies behind is sent again, and if it is just that, all is lost
// (rd_kafka_handle_Produce_error).
func (w *writer) outOfOrder(b *batch, now time.Time) {
	if !w.nature.careless {
		w.gaps++
	}
	ahead := int32(uint32(b.sequence-w.acked) << 1)
	switch {
	case w.nature.stepwise, ahead > 0:
		w.rest(b, now)
	case ahead < 0:
		w.finish(b, ledger.Acknowledged, -1)
	default:
		w.finish(b, ledger.Refused, -1)
		w.over = true
	}
}

func (w *writer) stored(b *batch, offset int64) {
	end := int32((int64(b.sequence) + int64(b.count)) & math.MaxInt32)
	if ahead := int32(uint32(end-w.acked) << 1); ahead > 0 {
		w.acked = end
	}
	w.finish(b, ledger.Acknowledged, offset)
}

// rest has a batch wait before it is sent again.
func (w *writer) rest(b *batch, now time.Time) {
	pause := min(minRetry<<min(b.tries-1, 10), maxRetry)
	pause += time.Duration(w.rnd.Int64N(int64(pause / 5)))
	b.rests = now.Add(pause)
}

// finish gives a batch its outcome.
func (w *writer) finish(b *batch, o ledger.Outcome, offset int64) {
	w.told[b.number].Outcome, w.told[b.number].Offset = o, offset
	for i, other := range w.queue {
		if other == b {
			w.queue = append(w.queue[:i:i], w.queue[i+1:]...)
			return
		}
	}
}

// onWay says whether answers are to come.
func (w *writer) onWay() bool {
	return slices.ContainsFunc(w.queue, func(b *batch) bool { return b.onWay })
}

// giveUp gives up all that has no outcome yet, and begins again under another producer id or epoch, once what is on its way has been
// answered. It does nothing while the oldest batch has time left.
func (w *writer) giveUp(now time.Time) {
	if w.nature.patience == 0 || len(w.queue) == 0 || now.Sub(w.queue[0].made) < w.nature.patience {
		return
	}
	for len(w.queue) > 0 {
		b := w.queue[0]
		if b.onWay {
			b.given = true
			w.draining++
		}
		w.finish(b, ledger.Abandoned, -1)
	}
	if w.rnd.IntN(2) == 0 { // Java keeps the id
		w.epoch, w.sequence, w.acked = w.epoch+1, 0, 0
		return
	}
	w.begin()
}

// begin begins a producer id.
func (w *writer) begin() {
	w.id, w.epoch, w.sequence, w.acked = 1<<61|w.rnd.Int64N(1<<60), 0, 0, 0
	if w.rnd.IntN(8) == 0 { // one that has been numbering for long
		w.sequence = math.MaxInt32 - w.rnd.Int32N(20)
		w.acked = w.sequence
	}
}

// done says that all has its outcome.
func (w *writer) done() bool { return w.left == 0 && len(w.queue) == 0 && w.draining == 0 || w.over }
