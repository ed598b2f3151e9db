package upstream

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// link is one connection of a lane. Its flight, err and answered are guarded by the pool's mutex; the rest belongs to
// the goroutine that writes or to the one that reads.
type link struct {
	lane    *lane
	conn    net.Conn
	close   func()
	version int16

	flight   []flight // requests without an answer, in the order sent
	err      error    // why the connection ended; nil while it lives
	answered int      // requests answered
	written  int32    // requests written whole

	next     int32 // the next correlation id
	scratch  []byte
	segments [][]byte
}

type flight struct {
	correlation int32
	share       *share
}

func newLink(l *lane, c Link) *link {
	return &link{lane: l, conn: c.Conn, close: c.Close, version: min(c.ProduceVersion, MaxProduceVersion)}
}

// fail ends the connection because of err, once: reads and writes on it return. The pool's mutex is held.
func (lk *link) fail(err error) {
	if lk.err == nil {
		lk.err = err
		lk.close()
	}
}

// write sends what is queued until the connection ends.
func (lk *link) write() error {
	if lk.version < minProduceVersion {
		return fmt.Errorf("the broker takes Produce up to version %d only; record batches need version %d (Kafka 0.11)",
			lk.version, minProduceVersion)
	}
	for {
		f, ok := lk.launch()
		if !ok {
			return errClosed
		}
		h := wire.ProduceHeader{
			Version: lk.version, CorrelationID: f.correlation, ClientID: lk.lane.pool.settings.ClientID,
			Acks: f.share.acks, TimeoutMillis: f.share.timeout,
		}
		lk.scratch, lk.segments = wire.AppendProduceRequest(lk.scratch[:0], lk.segments[:0], h, f.share.batches)
		segments := net.Buffers(lk.segments)
		if _, err := segments.WriteTo(lk.conn); err != nil {
			return fmt.Errorf("write: %w", err)
		}
	}
}

// launch waits for something to send and for room in the window, and counts the request as in flight. It does so
// before the request is written, since the answer may be faster than the writer. False means that the connection has
// ended.
func (lk *link) launch() (flight, bool) {
	l := lk.lane
	l.pool.mu.Lock()
	defer l.pool.mu.Unlock()
	if lk.written != lk.next {
		lk.written = lk.next // the writer is back for more
		l.wake.Broadcast()
	}
	for lk.err == nil && (len(l.queue) == 0 || len(lk.flight) >= window) {
		l.wake.Wait()
	}
	if lk.err != nil {
		return flight{}, false
	}
	f := flight{lk.next, l.take()}
	lk.next++
	lk.flight = append(lk.flight, f)
	l.pool.stats.Batches.Add(int64(len(f.share.batches)))
	l.pool.stats.Bytes.Add(f.share.bytes)
	return f, true
}

// read matches the broker's answers with the requests in flight, first in, first out, until the connection ends.
func (lk *link) read() error {
	r := bufio.NewReaderSize(lk.conn, 4<<10)
	var body []byte
	for {
		var err error
		if body, err = readResponse(r, body); err != nil {
			return fmt.Errorf("read: %w", err)
		}
		f, err := lk.land(int32(binary.BigEndian.Uint32(body)))
		if err != nil {
			return err
		}
		throttle, err := wire.DecodeProduceResponse(lk.version, body[4:], f.share.batches)
		if err != nil {
			lk.lane.answer(f.share, wire.RequestTimedOut, "the partition's leader gave an answer that cannot be read")
			return fmt.Errorf("decode produce response v%d: %w", lk.version, err)
		}
		lk.lane.pool.complete(f.share, throttle)
	}
}

// land takes the oldest request out of flight; correlation is what the answer says it answers. It waits until the
// writer is done with the request, since after it the batches are no longer ours to read.
func (lk *link) land(correlation int32) (flight, error) {
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
	if f.correlation != correlation {
		return flight{}, fmt.Errorf("the broker answered request %d, expected %d", correlation, f.correlation)
	}
	for lk.written <= correlation && lk.err == nil {
		l.wake.Wait()
	}
	if lk.err != nil {
		return flight{}, lk.err
	}
	lk.flight[0] = flight{}
	lk.flight = lk.flight[1:]
	lk.answered++
	l.backoff = 0
	l.wake.Broadcast()
	return f, nil
}

// readResponse reads one response after its length, reusing buf: correlation id and body.
func readResponse(r io.Reader, buf []byte) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return buf, err
	}
	n := int32(binary.BigEndian.Uint32(head[:]))
	if n < 4 || n > maxResponseBytes {
		return buf, fmt.Errorf("a response of %d bytes", n)
	}
	if cap(buf) < int(n) {
		buf = make([]byte, n)
	}
	buf = buf[:n]
	_, err := io.ReadFull(r, buf)
	return buf, err
}
