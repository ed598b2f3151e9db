package upstream

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

const (
	// inlineBytes is how much is at most written by whoever brings it, as long as nothing else is being written: waking a
	// goroutine takes longer. It is some 50 microseconds' worth, for which a worker thread of Envoy's may be kept.
	inlineBytes = 256 << 10
	// maxVectors is how many slices the kernel takes at once.
	maxVectors = 1024
	// gatherBytes is how much is encrypted in one go: four records of TLS.
	gatherBytes = 64 << 10
)

// writer is what writes requests on a connection. Two parties do, one at a time: the lane's goroutine, which waits for the socket
// when it is full, and whoever calls writeOrWake, who does not.
type writer struct {
	// The pool's mutex guards these.
	writing bool        // somebody writes
	inline  bool        // and it is not the lane's goroutine
	tail    net.Buffers // what the socket did not take at once: the lane's goroutine writes it, and then writing is over
	next    int64       // the number of the next request
	whole   int64       // requests written whole
	written *sync.Cond  // whole, inline or the connection's err has changed

	// These belong to whoever set writing.
	raw      syscall.RawConn // nil: the connection cannot be written without waiting
	gather   *bufio.Writer   // joins what is written; nil: the socket does
	scratch  []byte
	segments [][]byte
	attempt  func(fd uintptr) bool // tries to write segments; made once and not for each request
	wrote    int
	failed   error
}

func (w *writer) init(lk *link) {
	w.written = sync.NewCond(&lk.lane.pool.mu)
	plain, ok := lk.conn.(*net.TCPConn)
	if !ok {
		w.gather = bufio.NewWriterSize(lk.conn, gatherBytes) // TLS: a record for each slice would be many small ones
		return
	}
	if raw, err := plain.SyscallConn(); err == nil && lk.version >= minProduceVersion {
		w.raw, w.attempt = raw, w.tryOnce
	}
}

// writeOrWake has what is due sent: here and now if that cannot take long, else by the lane's goroutine. The pool's mutex must not be
// held.
func (l *lane) writeOrWake() {
	p := l.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	for range p.settings.Window {
		lk := l.link
		if lk == nil || lk.raw == nil || lk.writing || lk.retired || lk.err != nil || !lk.ready() || l.queued > inlineBytes {
			break
		}
		f := lk.launch() // before the writing is reserved, or a panic would leave it so
		lk.begin()
		lk.inline = true
		lk.writeNow(&f)
	}
	if l.link == nil || !l.link.writing && l.link.ready() {
		l.wake.Broadcast()
	}
}

// writeNow writes a request as far as the socket takes it. The pool's mutex is held before and after, but not meanwhile.
func (lk *link) writeNow(f *flight) {
	mu := &lk.lane.pool.mu
	mu.Unlock()
	var tail net.Buffers
	err := errors.New("internal error") // unless there is no panic
	defer func() {
		mu.Lock()
		lk.inline = false
		lk.written.Broadcast()
		lk.finish(tail, err)
	}()
	tail, err = lk.try(lk.encode(f))
}

// write sends what is queued until the connection ends. It is what the lane's goroutine does.
func (lk *link) write() error {
	if lk.version < minProduceVersion {
		return fmt.Errorf("the broker takes Produce up to version %d only; record batches need version %d (Kafka 0.11)",
			lk.version, minProduceVersion)
	}
	for {
		f, tail, err := lk.await()
		if err != nil {
			return err
		}
		if tail == nil {
			tail = lk.encode(&f)
		}
		err = lk.send(tail)
		lk.lane.pool.mu.Lock()
		lk.finish(nil, err)
		lk.lane.pool.mu.Unlock()
	}
}

// await waits for something to write and for room in the window: a request, or what is left of one. An error means that the
// connection has ended, or ends.
func (lk *link) await() (f flight, tail net.Buffers, err error) {
	l := lk.lane
	l.pool.mu.Lock()
	defer l.pool.mu.Unlock()
	for {
		switch {
		case lk.err != nil:
			return f, nil, lk.err
		case lk.tail != nil:
			tail, lk.tail = lk.tail, nil
			return f, tail, nil
		case !lk.writing && lk.ready() && lk.retired:
			return f, nil, errRetired
		case !lk.writing && lk.ready():
			lk.begin()
			return lk.launch(), nil, nil
		}
		lk.rest()
		l.wake.Wait()
	}
}

// maxKept is how many elements of a buffer are kept for the next use. Most need less.
const maxKept = 64 << 10

// lean is b, or nothing if so much is not worth to be kept.
func lean[T any](b []T) []T {
	if cap(b) > maxKept {
		return nil
	}
	return b
}

// begin reserves the writing for the caller. The pool's mutex is held.
func (lk *link) begin() {
	lk.writing = true
	lk.rest()
}

// finish ends the writing of a request, or leaves the rest of it to the lane's goroutine. The pool's mutex is held.
func (lk *link) finish(tail net.Buffers, err error) {
	switch {
	case err != nil:
		lk.fail(fmt.Errorf("write: %w", err))
	case len(tail) > 0:
		lk.tail = tail
		lk.lane.wake.Broadcast()
		return
	default:
		lk.whole = lk.next
	}
	lk.segments = lean(lk.segments)
	clear(lk.segments) // a connection at rest must not keep clients' frames
	lk.scratch = lean(lk.scratch)
	lk.writing = false
	lk.written.Broadcast()
}

func (lk *link) encode(f *flight) net.Buffers {
	h := wire.ProduceHeader{
		Version: lk.version, CorrelationID: f.correlation(), ClientID: lk.lane.pool.settings.ClientID,
		Acks: f.shares[0].produce.acks, TimeoutMillis: f.shares[0].produce.timeout,
	}
	lk.scratch, lk.segments = wire.AppendProduceRequest(lk.scratch[:0], lk.segments[:0], h, f.batches)
	return lk.segments
}

// send writes all of it and waits for the socket as long as it takes.
func (lk *link) send(b net.Buffers) error {
	if lk.gather == nil {
		_, err := b.WriteTo(lk.conn)
		return err
	}
	for _, s := range b {
		if _, err := lk.gather.Write(s); err != nil {
			return err
		}
	}
	return lk.gather.Flush()
}

// try writes as much as the socket takes now, and returns the rest.
func (lk *link) try(b net.Buffers) (rest net.Buffers, err error) {
	if err := lk.raw.Write(lk.attempt); err != nil {
		return nil, err
	}
	if lk.failed != nil {
		return nil, lk.failed
	}
	n := lk.wrote
	for len(b) > 0 && n >= len(b[0]) {
		n -= len(b[0])
		b = b[1:]
	}
	if n > 0 {
		b[0] = b[0][n:]
	}
	return b, nil
}

// tryOnce writes segments to a socket once. It is always content: the runtime need not wait until there is room.
func (w *writer) tryOnce(fd uintptr) bool {
	for {
		w.wrote, w.failed = unix.Writev(int(fd), w.segments[:min(len(w.segments), maxVectors)])
		switch {
		case errors.Is(w.failed, unix.EINTR):
			continue
		case errors.Is(w.failed, unix.EAGAIN):
			w.wrote, w.failed = 0, nil
		}
		return true
	}
}
