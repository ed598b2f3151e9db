package upstream

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"slices"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// link is one connection of a lane. The pool's mutex guards its state; what the writing needs belongs to whoever writes (see
// write.go), and the rest to the goroutine that reads.
type link struct {
	lane    *lane
	conn    net.Conn
	close   func()
	version int16
	until   time.Time

	renewing bool      // a successor is being dialled
	retired  bool      // nothing more is sent: it ends with its last answer
	rested   time.Time // when it last had something to do
	resting  bool      // that is looked after
	flight   []flight  // requests without an answer, in the order sent
	err      error     // why the connection ended; nil while it lives
	answered int       // requests answered
	heard    time.Time // when the last one was

	writer
}

type flight struct {
	cargo

	number int64 // of the request on its connection, from 0
	sent   time.Time
}

// correlation is the request's correlation id. A connection may live for more requests than there are ids.
func (f *flight) correlation() int32 { return int32(f.number & math.MaxInt32) }

func newLink(l *lane, c Link) *link {
	lk := &link{lane: l, conn: c.Conn, close: c.Close, version: min(c.ProduceVersion, MaxProduceVersion), until: c.Until}
	lk.init(lk)
	return lk
}

// fail ends the connection because of err, once: reads and writes on it return. The pool's mutex is held.
func (lk *link) fail(err error) {
	if lk.err == nil {
		lk.err = err
		lk.close()
		lk.lane.wake.Broadcast()
		lk.written.Broadcast()
	}
}

// overdue says whether the broker hangs: an answer is past its time, be it the next one or one behind it, and there has been none
// for a while. One that answers steadily, but slowly, is not made faster by a new connection. The pool's mutex is held.
func (lk *link) overdue(now time.Time) bool {
	if len(lk.flight) == 0 {
		return false
	}
	due := lk.flight[0].sent // since when the broker owes an answer
	if lk.heard.After(due) {
		due = lk.heard
	}
	late := func(f flight) bool { return now.After(f.deadline) }
	p, silent := lk.lane.pool, now.Sub(due)
	return silent > p.settings.AnswerTimeout || silent > p.longestSilence() && slices.ContainsFunc(lk.flight, late)
}

// renew dials a successor. When there is one, the link sends nothing more, gets its last answers, and the successor takes
// over: no batch of a partition is on both. Until then, or when nobody answers, the link goes on. The pool's mutex is held.
func (lk *link) renew() {
	if lk.renewing || lk.retired || lk.err != nil {
		return
	}
	lk.renewing = true
	lk.lane.pool.spawn("renewal", lk.dialSuccessor)
}

func (lk *link) dialSuccessor() {
	p := lk.lane.pool
	for backoff := p.settings.ReconnectBackoff; ; backoff = min(2*backoff, p.settings.ReconnectBackoffMax) {
		made, err := lk.succeed()
		if err == nil {
			return
		}
		p.stats.ConnectFailures.Add(1)
		p.log.Warn("cannot replace a connection; the old one goes on", "node", lk.lane.node, "address", made.addr, "error", err)
		if !p.pause(backoff) {
			return
		}
	}
}

// succeed makes a successor; more than one if what they are made from changes meanwhile.
func (lk *link) succeed() (making, error) {
	l := lk.lane
	for {
		made := l.currentMaking()
		conn, err := l.pool.client.Dial(l.pool.ctx, made.addr)
		switch {
		case err != nil && lk.needsSuccessor():
			return made, err
		case err != nil:
			return made, nil //nolint:nilerr // nobody wants the connection any more
		case lk.adopt(conn, made):
			return made, nil
		}
		conn.Close()
	}
}

// adopt takes conn for the successor, or closes it if none is needed any more. It reports false if conn is made from what has
// been replaced since.
func (lk *link) adopt(conn Link, made making) bool {
	l := lk.lane
	l.pool.mu.Lock()
	defer l.pool.mu.Unlock()
	switch {
	case lk.err != nil || l.closed:
		conn.Close()
	case made != l.making():
		return false
	default:
		l.successor, lk.retired = &successor{conn, made}, true
		l.wake.Broadcast()
	}
	return true
}

func (lk *link) needsSuccessor() bool {
	lk.lane.pool.mu.Lock()
	defer lk.lane.pool.mu.Unlock()
	return lk.err == nil && !lk.lane.closed
}

// launch takes the next request, and counts it as in flight: before it is written, since the answer may be faster than the
// writer. The pool's mutex is held and the link is ready.
func (lk *link) launch() flight {
	p := lk.lane.pool
	f := flight{lk.lane.take(), lk.next, time.Now()}
	lk.next++
	lk.flight = append(lk.flight, f)
	p.stats.Requests.Add(1)
	p.stats.Batches.Add(int64(len(f.batches)))
	p.stats.Bytes.Add(f.bytes)
	return f
}

// ready says that there is something to send and room for it, or that there will be nothing more. The pool's mutex is held.
func (lk *link) ready() bool {
	if lk.retired {
		return len(lk.flight) == 0
	}
	return len(lk.flight) < lk.lane.pool.settings.Window && lk.lane.due()
}

// due says whether there is something to send, and whether it has waited for company long enough. The pool's mutex is held.
func (l *lane) due() bool {
	linger := l.pool.settings.Linger
	switch {
	case len(l.queue) == 0:
		return false
	case linger == 0 || l.queued >= l.pool.settings.MaxRequestBytes:
		return true
	}
	left := linger - time.Since(l.queue[0].produce.now)
	if left > 0 && !l.lingering {
		l.lingering = true
		l.pool.after(left, "linger", func() {
			l.pool.locked(func() {
				l.lingering = false
				l.wake.Broadcast()
			})
		})
	}
	return left <= 0
}

// rest has the link end when it has had nothing to do for too long. The pool's mutex is held.
func (lk *link) rest() {
	limit := lk.lane.pool.settings.MaxIdle
	if limit == 0 {
		return
	}
	lk.rested = time.Now()
	if lk.resting {
		return
	}
	lk.resting = true
	lk.lane.pool.after(limit, "rest", lk.lookAtRest)
}

// lookAtRest is what the timer of rest calls.
func (lk *link) lookAtRest() {
	p, limit := lk.lane.pool, lk.lane.pool.settings.MaxIdle
	p.mu.Lock()
	defer p.mu.Unlock()
	switch left := limit - time.Since(lk.rested); {
	case lk.err != nil:
	case len(lk.flight) > 0:
		p.after(limit, "rest", lk.lookAtRest)
	case left > 0:
		p.after(left, "rest", lk.lookAtRest)
	default:
		lk.retired = true
		lk.lane.wake.Broadcast()
	}
}

// read matches the broker's answers with the requests in flight, first in, first out, until the connection ends.
func (lk *link) read() error {
	r := bufio.NewReaderSize(lk.conn, 4<<10)
	var body []byte
	for {
		var err error
		if body, err = readResponse(r, body, lk.lane.pool.settings.MaxResponseBytes); err != nil {
			return fmt.Errorf("read: %w", err)
		}
		if body, err = lk.takeResponses(r, body); err != nil {
			return err
		}
		body = lean(body)
	}
}

// takeResponses takes a response, and those behind it that r has whole, before the clients get their answers. It reuses body.
func (lk *link) takeResponses(r *bufio.Reader, body []byte) ([]byte, error) {
	p := lk.lane.pool
	f, err := lk.land(body) // waits, and so before the cork is held
	if err != nil {
		return body, err
	}
	p.cork.Hold()
	defer p.cork.Release()
	defer lk.lane.writeOrWake()
	for {
		if err := lk.settle(f, body); err != nil || !holdsResponse(r) || !lk.landsAtOnce() {
			return body, err
		}
		if body, err = readResponse(r, body, p.settings.MaxResponseBytes); err != nil {
			return body, fmt.Errorf("read: %w", err)
		}
		if f, err = lk.land(body); err != nil {
			return body, err
		}
	}
}

// settle gives the batches of a request that was in flight their results.
func (lk *link) settle(f flight, body []byte) error {
	throttle := int32(0)
	err := lk.lane.pool.attempt("decode produce response", func() (err error) {
		throttle, err = wire.DecodeProduceResponse(lk.version, body[4:], f.batches)
		return err
	})
	if err != nil {
		for _, s := range f.shares {
			s.fail(wire.RequestTimedOut, "the partition's leader gave an answer that cannot be read")
		}
		err = fmt.Errorf("decode produce response v%d: %w", lk.version, err)
	}
	lk.lane.pool.complete(f.shares, throttle)
	return err
}

// landsAtOnce says that land need not wait.
func (lk *link) landsAtOnce() bool {
	lk.lane.pool.mu.Lock()
	defer lk.lane.pool.mu.Unlock()
	return len(lk.flight) == 0 || lk.flight[0].number < lk.whole
}

// land takes the oldest request out of flight, which response has to be for. It waits until the request has been written, since
// after it the batches are no longer ours to read.
func (lk *link) land(response []byte) (flight, error) {
	correlation := int32(binary.BigEndian.Uint32(response))
	l := lk.lane
	l.pool.mu.Lock()
	defer l.pool.mu.Unlock()
	if lk.err != nil {
		return flight{}, lk.err
	}
	if len(lk.flight) == 0 {
		return flight{}, errors.New("the broker answered a request that was not sent")
	}
	f := lk.flight[0]
	if f.correlation() != correlation {
		return flight{}, fmt.Errorf("the broker answered request %d, expected %d", correlation, f.correlation())
	}
	for lk.whole <= f.number && lk.err == nil {
		lk.written.Wait()
	}
	if lk.err != nil {
		return flight{}, lk.err
	}
	lk.flight = slices.Delete(lk.flight, 0, 1)
	lk.answered++
	lk.heard = time.Now()
	l.backoff = 0
	return f, nil
}

// holdsResponse says whether r has a whole response in its buffer.
func holdsResponse(r *bufio.Reader) bool {
	if r.Buffered() < 4 {
		return false
	}
	head, err := r.Peek(4)
	return err == nil && int64(r.Buffered())-4 >= int64(binary.BigEndian.Uint32(head))
}

// readResponse reads one response after its length, reusing buf: correlation id and body.
func readResponse(r *bufio.Reader, buf []byte, limit int32) ([]byte, error) {
	head, err := r.Peek(4)
	if err != nil {
		return buf, err
	}
	n := int32(binary.BigEndian.Uint32(head))
	if n < 4 || n > limit {
		return buf, fmt.Errorf("a response of %d bytes", n)
	}
	_, _ = r.Discard(4) // they are in its buffer
	if cap(buf) < int(n) {
		buf = make([]byte, n)
	}
	buf = buf[:n]
	_, err = io.ReadFull(r, buf)
	return buf, err
}
