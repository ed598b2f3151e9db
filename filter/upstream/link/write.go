package link

import (
	"fmt"
	"sync"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/socket"
)

// writer is what writes requests on a connection. One party does at a time: who sends a call, as far as the socket takes it without
// waiting, and the socket, which has the rest.
type writer struct {
	// The link's mutex guards these.
	writing bool       // somebody writes
	handed  bool       // it is the socket
	next    int64      // the number of the next request
	begun   int64      // requests of which something may have been written
	whole   int64      // requests written whole
	changed *sync.Cond // whole, writing or the link's err has changed

	// These belong to whoever set writing.
	scratch  []byte
	segments [][]byte
}

// writeFrom writes a request, and those that are sent meanwhile, until nothing is left or the socket has to wait. The caller has reserved
// the writing.
func (l *Link) writeFrom(f flight) {
	err := l.settings.Panics.Attempt("link writer", func() error {
		for more := true; more && l.write(&f); {
			f, more = l.goOn()
		}
		return nil
	})
	if err != nil {
		l.failWriting(err)
	}
}

// write writes a request. It reports false when the socket has the rest, and the writing with it.
func (l *Link) write(f *flight) (whole bool) {
	h := Head{Version: f.version, CorrelationID: f.correlation(), ClientID: l.settings.ClientID}
	l.scratch, l.segments = f.call.Append(l.scratch[:0], l.segments[:0], h)
	rest := socket.Rest(l.segments, l.socket.TryWrite(l.segments))
	if len(rest) == 0 {
		return true
	}
	l.mu.Lock()
	l.handed = true
	l.full.Store(true)
	l.changed.Broadcast()
	l.mu.Unlock()
	l.socket.Send(rest)
	return false
}

// written is what the socket tells when it has written what it had.
func (l *Link) written() {
	l.mu.Lock()
	l.handed = false
	l.mu.Unlock()
	if f, more := l.goOn(); more {
		l.writeFrom(f)
	}
	if l.alone {
		l.takeAside()
	}
}

// goOn says that a request is written whole, and takes the next one that is to be written. Without more, the writing is over.
func (l *Link) goOn() (f flight, more bool) {
	if l.wroteOne() {
		l.settings.Panics.Guard("link ready", l.tellReady) // who sends now is written by this caller
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil && l.begun < l.next {
		f = l.flight[l.begun-l.flight[0].number] // what has not begun is still in flight
		l.begun++
		return f, true
	}
	l.stopWriting()
	return f, false
}

// wroteOne says that a request is written whole, and reports whether others were told to wait.
func (l *Link) wroteOne() (full bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.whole = l.begun
	l.segments = lean(l.segments)
	clear(l.segments) // a connection at rest must not keep what calls alias
	l.scratch = lean(l.scratch)
	full = l.full.Load()
	if l.begun == l.next {
		l.full.Store(false)
	}
	l.changed.Broadcast()
	return full
}

// failWriting ends the link because of err.
func (l *Link) failWriting(err error) {
	l.Close(fmt.Errorf("write: %w", err))
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stopWriting()
}

// stopWriting gives the writing back. l.mu is held.
func (l *Link) stopWriting() {
	l.writing = false
	l.full.Store(false)
	l.changed.Broadcast()
}
