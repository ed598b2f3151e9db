package link

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"time"
)

// read matches the broker's answers with the calls in flight, first in, first out, until the connection ends.
func (l *Link) read(conn net.Conn) error {
	r := bufio.NewReaderSize(conn, 4<<10)
	var body []byte
	for {
		var err error
		if body, err = readAnswer(r, body, l.settings.MaxAnswer); err != nil {
			return fmt.Errorf("read: %w", err)
		}
		if body, err = l.takeAnswers(r, body); err != nil {
			return err
		}
		body = lean(body)
	}
}

// takeAnswers gives an answer to its call, and those behind it that r has whole. It reuses body.
func (l *Link) takeAnswers(r *bufio.Reader, body []byte) ([]byte, error) {
	f, err := l.land(body) // waits, and so comes before the owner is told
	if err != nil {
		return body, err
	}
	l.owner.Answering()
	defer l.owner.Answered()
	for {
		if body, err = l.settle(&f, body); err != nil || !holdsAnswer(r) || !l.landsAtOnce() {
			return body, err
		}
		if body, err = readAnswer(r, body, l.settings.MaxAnswer); err != nil {
			return body, fmt.Errorf("read: %w", err)
		}
		if f, err = l.land(body); err != nil {
			return body, err
		}
	}
}

// settle gives a call its answer. It returns body, unless the call keeps it.
func (l *Link) settle(f *flight, body []byte) ([]byte, error) {
	l.answer = Answer{Version: f.version, body: body[correlationSize:]}
	err := l.settings.Panics.Attempt("answer", func() error { return f.call.Answer(&l.answer) })
	if l.answer.kept {
		body = nil
	}
	l.answer = Answer{}
	return body, err
}

// landsAtOnce says that land need not wait.
func (l *Link) landsAtOnce() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.flight) == 0 || l.flight[0].number < l.whole
}

// land takes the oldest call out of flight, which the answer has to be for. It waits until the request has been written, since after it
// the call's bytes are no longer ours to read.
func (l *Link) land(answer []byte) (flight, error) {
	correlation := int32(binary.BigEndian.Uint32(answer))
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return flight{}, l.err
	}
	if len(l.flight) == 0 {
		return flight{}, errors.New("the broker answered a request that was not sent")
	}
	f := l.flight[0]
	if f.correlation() != correlation {
		return flight{}, fmt.Errorf("the broker answered request %d, expected %d", correlation, f.correlation())
	}
	for l.whole <= f.number && l.err == nil {
		l.changed.Wait()
	}
	if l.err != nil {
		return flight{}, l.err
	}
	l.flight = slices.Delete(l.flight, 0, 1)
	l.heard = time.Now()
	return f, nil
}

// An answer begins with its length and its correlation id.
const (
	lengthSize      = 4
	correlationSize = 4
)

// holdsAnswer says whether r has a whole answer in its buffer.
func holdsAnswer(r *bufio.Reader) bool {
	if r.Buffered() < lengthSize {
		return false
	}
	head, err := r.Peek(lengthSize)
	return err == nil && int64(r.Buffered())-lengthSize >= int64(binary.BigEndian.Uint32(head))
}

// readAnswer reads one answer after its length, reusing buf: correlation id and body.
func readAnswer(r *bufio.Reader, buf []byte, limit int32) ([]byte, error) {
	head, err := r.Peek(lengthSize)
	if err != nil {
		return buf, err
	}
	n := int32(binary.BigEndian.Uint32(head))
	if n < correlationSize || n > limit {
		return buf, fmt.Errorf("a response of %d bytes", n)
	}
	_, _ = r.Discard(lengthSize) // they are in its buffer
	if cap(buf) < int(n) {
		buf = make([]byte, n)
	}
	buf = buf[:n]
	_, err = io.ReadFull(r, buf)
	return buf, err
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
