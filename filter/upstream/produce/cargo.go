package produce

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/link"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// maxScanned is how many shares are looked at for one request. It bounds the work that is done under the mutex.
const maxScanned = 1024

// The versions of Produce that are written: from the first that has batches of magic 2 to the last that names topics by name.
const (
	minVersion = 3
	maxVersion = 12
)

// cargo is what one request carries: the oldest share of a lane's queue, and of those behind it what may go along. That is how a
// thousand clients with small batches become few large requests. It is a call on the lane's connection.
type cargo struct {
	connection *connection // on which it is sent
	shares     []*share
	batches    []*wire.Batch // of all shares, those of one topic next to each other
	deadline   time.Time     // of the share that has least time
	bytes      int64
	sent       time.Time

	first [1]*share // room for what most have
}

var _ link.Call = (*cargo)(nil)

// API implements link.Call.
func (c *cargo) API() (key wire.APIKey, least, most int16) {
	return wire.KeyProduce, minVersion, maxVersion
}

// Deadline implements link.Call.
func (c *cargo) Deadline() time.Time { return c.deadline }

// Append implements link.Call: the request leaves.
func (c *cargo) Append(scratch []byte, segments [][]byte, h link.Head) ([]byte, [][]byte) {
	c.leave(time.Now())
	return wire.AppendProduceRequest(scratch, segments, wire.ProduceHeader{
		Version: h.Version, CorrelationID: h.CorrelationID, ClientID: h.ClientID,
		Acks: c.shares[0].produce.acks, TimeoutMillis: c.shares[0].produce.timeout,
	}, c.batches)
}

// Answer implements link.Call: it gives the batches their results.
func (c *cargo) Answer(a *link.Answer) error {
	p, throttle := c.connection.lane.pool, int32(0)
	err := p.panics.Attempt("decode produce response", func() (err error) {
		throttle, err = wire.DecodeProduceResponse(a.Version, a.Body(), c.batches)
		return err
	})
	if err != nil {
		for _, s := range c.shares {
			s.fail(wire.RequestTimedOut, "the partition's leader gave an answer that cannot be read")
		}
		err = fmt.Errorf("decode produce response v%d: %w", a.Version, err)
	}
	c.took(time.Now())
	p.stats.ThrottleTime.Add(max(0, int64(throttle)))
	behind := c.connection.landed(c)
	p.report(c.shares, throttle)
	p.report(behind, 0)
	return err
}

// Fail implements link.Call. All that has failed gets its result at once, when the connection has ended.
func (c *cargo) Fail(_ error, sent bool) {
	if sent {
		c.clock(time.Now())
	}
	c.connection.lose(c, sent)
}

// leave takes note of what is about to be sent, and counts it.
func (c *cargo) leave(now time.Time) {
	st := c.connection.lane.pool.stats
	c.sent = now
	for _, s := range c.shares {
		waited := now.Sub(s.produce.now).Microseconds()
		st.TimeInFilter.Record(waited)
		for _, b := range s.batches {
			b.WaitedMicros = waited
			st.Records.Add(int64(b.Count))
		}
	}
	st.Requests.Add(1)
	st.Batches.Add(int64(len(c.batches)))
	st.BatchesPerRequest.Record(int64(len(c.batches)))
	st.Bytes.Add(c.bytes)
}

// took takes note of when the results came.
func (c *cargo) took(now time.Time) {
	c.connection.lane.pool.stats.TimeUpstream.Record(c.clock(now))
}

// clock takes down in the batches how long they have been upstream, in microseconds.
func (c *cargo) clock(now time.Time) (micros int64) {
	micros = now.Sub(c.sent).Microseconds()
	for _, b := range c.batches {
		b.UpstreamMicros = micros
	}
	return micros
}

// take returns what the next request carries. The pool's mutex is held and the queue is not empty.
//
// A share goes along if it wants what the first does: the same acks and timeout, and to be idempotent or not (a broker before
// 3.0 refuses a whole request for want of the right to write idempotently). None of its partitions may be in the request
// already, or in a share that stays: a broker takes one batch of a partition in a request, and a partition's batches are sent in
// the order in which they came. The first that does not fit waits for the next request, and so do all behind it: a large batch
// is not overtaken by small ones for ever.
func (l *lane) take() *cargo {
	first := l.queue[0]
	c := &cargo{first: [1]*share{first}, batches: first.batches, deadline: first.produce.deadline, bytes: first.bytes}
	c.shares = c.first[:]
	if len(l.queue) == 1 {
		l.queue[0] = nil
		l.queue = l.queue[:0]
	} else {
		l.load(c)
	}
	for _, s := range c.shares {
		l.unqueue(s)
	}
	return c
}

// load adds to c, which carries the first share, what may go along, and removes both from the queue.
func (l *lane) load(c *cargo) {
	p := l.pool
	p.cargoes++
	first, kept, scanned := l.queue[0], 0, 1
	p.mark(first)
	for _, s := range l.queue[1:min(len(l.queue), maxScanned)] {
		if c.bytes+s.bytes > p.settings.MaxRequestBytes {
			break
		}
		scanned++
		along := s.compatible(first) && !p.marked(s)
		p.mark(s)
		if !along {
			l.queue[kept] = s
			kept++
			continue
		}
		c.shares = append(c.shares, s)
		c.bytes += s.bytes
		if s.produce.deadline.Before(c.deadline) {
			c.deadline = s.produce.deadline
		}
	}
	l.queue = slices.Delete(l.queue, kept, scanned)
	c.batches = gather(c.shares)
}

// gather returns the batches of all shares, those of a topic next to each other.
func gather(shares []*share) []*wire.Batch {
	if len(shares) == 1 {
		return shares[0].batches
	}
	all := make([]*wire.Batch, 0, len(shares))
	mixed := false
	for _, s := range shares {
		for _, b := range s.batches {
			mixed = mixed || b.Topic != shares[0].batches[0].Topic
			all = append(all, b)
		}
	}
	if mixed {
		slices.SortStableFunc(all, func(a, b *wire.Batch) int { return cmp.Compare(a.Topic, b.Topic) })
	}
	return all
}

// marked says whether one of the share's partitions is in the request that is being loaded, or in a share that stays behind.
func (p *Pool) marked(s *share) bool {
	for _, part := range s.partitions {
		if part.cargo == p.cargoes {
			return true
		}
	}
	return false
}

func (p *Pool) mark(s *share) {
	for _, part := range s.partitions {
		part.cargo = p.cargoes
	}
}
