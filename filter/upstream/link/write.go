package link

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/guard"
)

const (
	// MaxInline is how many bytes are at most written by whoever sends them: waking a goroutine takes longer. It takes a thread of the
	// host's some 50 microseconds.
	MaxInline = 256 << 10
	// maxVectors is how many slices the kernel takes at once.
	maxVectors = 1024
	// gatherBytes is how much is encrypted in one go: four records of TLS.
	gatherBytes = 64 << 10
)

// writer is what writes requests on a connection. One party does at a time: who sends a call, without waiting for the socket, or a
// goroutine, which waits.
type writer struct {
	// The link's mutex guards these.
	writing bool        // somebody writes
	rest    net.Buffers // what the socket did not take at once
	next    int64       // the number of the next request
	begun   int64       // requests of which something may have been written
	whole   int64       // requests written whole
	changed *sync.Cond  // whole, writing or the link's err has changed

	// These belong to whoever set writing.
	raw      syscall.RawConn // nil: the connection cannot be written without waiting
	to       net.Conn
	gather   *bufio.Writer // joins what is written; nil: the socket does
	scratch  []byte
	segments [][]byte
	attempt  func(fd uintptr) bool // tries to write segments; made once and not for each request
	wrote    int
	failed   error
}

// prepare says where to write.
func (w *writer) prepare(to net.Conn) {
	w.to = to
	plain, ok := to.(*net.TCPConn)
	if !ok {
		w.gather = bufio.NewWriterSize(to, gatherBytes) // TLS: a record for each slice would be many small ones
		return
	}
	if raw, err := plain.SyscallConn(); err == nil {
		w.raw, w.attempt = raw, w.tryOnce
	}
}

// writeNow writes a request as far as the socket takes it, and leaves the rest to a goroutine. The caller has reserved the writing.
func (l *Link) writeNow(f flight) {
	var rest net.Buffers
	err := guard.ErrPanic // unless there is none
	defer func() { l.wroteNow(rest, err) }()
	if rest = l.encode(&f); size(rest) <= MaxInline {
		rest, err = l.try(rest)
	} else {
		err = nil
	}
}

// wroteNow ends the writing that a sender had reserved.
func (l *Link) wroteNow(rest net.Buffers, err error) {
	if err != nil {
		l.failWriting(err)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case len(rest) > 0:
		l.rest = rest
		l.full.Store(true)
		go l.writeRest()
	default:
		l.wroteOne()
		if l.begun < l.next && l.err == nil { // another has been sent meanwhile
			go l.writeRest()
		} else {
			l.stopWriting()
		}
	}
}

// failWriting ends the link because of err. The writing is given back when the connection is closed, so that the link has not ended
// before.
func (l *Link) failWriting(err error) {
	l.Close(fmt.Errorf("write: %w", err))
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stopWriting()
}

// writeRest writes what there is until nothing is left. It is what the goroutine does.
func (l *Link) writeRest() { l.settings.Panics.Guard("link writer", l.writeAll) }

func (l *Link) writeAll() {
	err := guard.ErrPanic // unless there is none
	defer func() {
		if err != nil {
			l.failWriting(err)
		}
	}()
	for {
		f, rest, more := l.await()
		if !more {
			err = nil
			return
		}
		if rest == nil {
			rest = l.encode(&f)
		}
		if err = l.send(rest); err != nil {
			return
		}
		l.mu.Lock()
		l.wroteOne()
		l.mu.Unlock()
		l.settings.Panics.Guard("link ready", l.tellReady) // who sends now is written by this goroutine
		err = guard.ErrPanic
	}
}

// await takes what is to be written next: a request, or what is left of one. Without more, the writing is over.
func (l *Link) await() (f flight, rest net.Buffers, more bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.err != nil:
	case l.rest != nil:
		rest, l.rest = l.rest, nil
		return f, rest, true
	case l.begun < l.next:
		f = l.flight[l.begun-l.flight[0].number] // what has not begun is still in flight
		l.begun++
		return f, nil, true
	}
	l.stopWriting()
	return f, nil, false
}

// wroteOne says that a request is written whole. l.mu is held.
func (l *Link) wroteOne() {
	l.whole = l.begun
	l.segments = lean(l.segments)
	clear(l.segments) // a connection at rest must not keep what calls alias
	l.scratch = lean(l.scratch)
	if l.begun == l.next {
		l.full.Store(false)
	}
	l.changed.Broadcast()
}

// stopWriting gives the writing back. l.mu is held.
func (l *Link) stopWriting() {
	l.writing = false
	l.full.Store(false)
	l.changed.Broadcast()
}

func (l *Link) encode(f *flight) net.Buffers {
	h := Head{Version: f.version, CorrelationID: f.correlation(), ClientID: l.settings.ClientID}
	l.scratch, l.segments = f.call.Append(l.scratch[:0], l.segments[:0], h)
	return l.segments
}

// send writes all of it and waits for the socket as long as it takes.
func (w *writer) send(b net.Buffers) error {
	if w.gather == nil {
		_, err := b.WriteTo(w.to)
		return err
	}
	for _, s := range b {
		if _, err := w.gather.Write(s); err != nil {
			return err
		}
	}
	return w.gather.Flush()
}

// try writes as much of the segments as the socket takes now, and returns the rest.
func (w *writer) try(b net.Buffers) (rest net.Buffers, err error) {
	if err := w.raw.Write(w.attempt); err != nil {
		return nil, err
	}
	if w.failed != nil {
		return nil, w.failed
	}
	n := w.wrote
	for len(b) > 0 && n >= len(b[0]) {
		n -= len(b[0])
		b = b[1:]
	}
	if n > 0 {
		b[0] = b[0][n:]
	}
	return b, nil
}

// tryOnce writes segments to a socket once. It says true also if nothing was taken: the runtime is not to wait for room.
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

func size(b net.Buffers) (n int) {
	for _, s := range b {
		n += len(s)
	}
	return n
}
