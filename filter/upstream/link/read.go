package link

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/socket"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// readable matches the broker's answers with the calls in flight, first in, first out.
func (l *Link) readable(r socket.Reader) error {
	if l.inbox.lacksRoom && l.waits.Load() {
		return nil
	}
	p := l.inbox.read(r)
	if l.inbox.aside != nil {
		l.inbox.aside = append(l.inbox.aside, p...)
		if !l.inbox.lacksRoom {
			return nil
		}
		p = l.inbox.aside
		l.inbox.aside, l.inbox.lacksRoom = nil, false
	}
	return l.takeAll(p)
}

// takeAll gives the answers in p to their calls.
func (l *Link) takeAll(p []byte) (err error) {
	for more := true; more && err == nil; {
		p, more, err = l.takeAnswers(p)
	}
	return err
}

// takeAnswers gives an answer to its call, and those behind it that are there whole. It returns what is left of p, and whether that may
// hold more.
func (l *Link) takeAnswers(p []byte) (rest []byte, more bool, err error) {
	a, p, err := l.inbox.next(p)
	if err != nil || a == nil {
		return nil, false, err
	}
	f, early, err := l.landOrKeep(a, p) // may wait, and so comes before the owner is told
	if err != nil || early {
		return nil, false, err
	}
	l.owner.Answering()
	defer l.owner.Answered()
	for {
		if err = l.settle(&f, a); err != nil || !l.landsAtOnce() {
			return p, true, err
		}
		if a, p, err = l.inbox.next(p); err != nil || a == nil {
			return nil, false, err
		}
		if f, early, err = l.landOrKeep(a, p); err != nil || early {
			return nil, false, err
		}
	}
}

// landOrKeep is land, unless the answer is early: then it is kept, with what is behind it.
func (l *Link) landOrKeep(a *Answer, behind []byte) (f flight, early bool, err error) {
	f, err = l.land(a.correlation)
	if errors.Is(err, errEarly) {
		l.inbox.setAside(a, behind)
		l.socket.Pause(true)
		return f, true, nil
	}
	return f, false, err
}

// settle gives a call its answer.
func (l *Link) settle(f *flight, a *Answer) error {
	a.Version = f.version
	defer l.inbox.reuse(a)
	return l.settings.Panics.Attempt("answer", func() error { return f.call.Answer(a) })
}

// landsAtOnce says that land need not wait.
func (l *Link) landsAtOnce() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.flight) == 0 || l.flight[0].number < l.whole
}

// takeAside takes the answers that came before their request was written, as far as was known here.
func (l *Link) takeAside() {
	if l.inbox.aside == nil || l.inbox.lacksRoom {
		return
	}
	p := l.inbox.aside
	l.inbox.aside = nil
	l.socket.Pause(false)
	if err := l.takeAll(p); err != nil {
		l.Close(err)
	}
}

// errEarly says that an answer has come before it is known that its request is written.
var errEarly = errors.New("not written yet")

// land takes the oldest call out of flight, which the answer has to be for. That has to wait until the request has been written, since
// after it the call's bytes are no longer ours to read. A thread that also writes does not wait.
func (l *Link) land(correlation int32) (flight, error) {
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
		if l.handed && l.alone {
			return flight{}, errEarly
		}
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

// readDirectly is how many bytes of an answer have to be missing for them to be read to where they belong.
const readDirectly = 64 << 10

// inbox puts answers together out of what is read. Whoever reads has it alone.
type inbox struct {
	link  *Link
	limit int32 // of the length of an answer

	head   [lengthSize]byte
	headed int // bytes of head that have come

	frame *wire.Frame // for an answer that is not whole; nil: there is none
	have  int         // bytes of it that have come

	aside     []byte // has come, and waits until a request is written, or there is room; nil: nothing
	lacksRoom bool   // it is for room

	answer Answer // made once and not for each
}

// read reads once. What it returns is for next; it is empty if what has come is where it belongs.
func (in *inbox) read(r socket.Reader) []byte {
	if in.frame == nil || len(in.frame.Bytes())-in.have < readDirectly {
		return r.Next()
	}
	in.have += max(r.Into(in.frame.Bytes()[in.have:]), 0)
	return nil
}

// next cuts the next answer off p, and returns what is left; nil: it is not whole yet.
func (in *inbox) next(p []byte) (a *Answer, rest []byte, err error) {
	if in.frame == nil {
		if whole, rest := in.cut(p); whole != nil {
			return in.hand(whole, nil), rest, nil
		}
		n := copy(in.head[in.headed:], p)
		in.headed += n
		if p = p[n:]; in.headed < lengthSize {
			return nil, nil, nil
		}
		length := int32(binary.BigEndian.Uint32(in.head[:]))
		if length < correlationSize || length > in.limit {
			return nil, nil, fmt.Errorf("read: a response of %d bytes", length)
		}
		if !in.link.takeOrWait(wire.FrameMemory(int(length)), len(p) >= int(length)) {
			in.aside, in.lacksRoom = append([]byte{}, p...), true
			return nil, nil, nil
		}
		in.headed, in.have = 0, 0
		in.frame = wire.NewFrame(int(length))
	}
	whole := in.frame.Bytes()
	n := copy(whole[in.have:], p)
	if in.have += n; in.have < len(whole) {
		return nil, nil, nil
	}
	frame := in.frame
	in.frame = nil
	return in.hand(whole, frame), p[n:], nil
}

// cut cuts an answer off p that is whole in it, and good.
func (in *inbox) cut(p []byte) (whole, rest []byte) {
	if in.headed > 0 || len(p) < lengthSize {
		return nil, nil
	}
	length := int32(binary.BigEndian.Uint32(p))
	if length < correlationSize || length > in.limit || len(p)-lengthSize < int(length) {
		return nil, nil
	}
	end := lengthSize + int(length)
	return p[lengthSize:end:end], p[end:]
}

// hand makes an answer of one that is whole, without its length. frame is what it is in, to be given away; nil: it is there for now.
func (in *inbox) hand(whole []byte, frame *wire.Frame) *Answer {
	in.answer = Answer{link: in.link, correlation: int32(binary.BigEndian.Uint32(whole)), whole: whole, frame: frame}
	return &in.answer
}

// setAside keeps an answer and what is behind it for later.
func (in *inbox) setAside(a *Answer, rest []byte) {
	in.aside = binary.BigEndian.AppendUint32(nil, uint32(len(a.whole)))
	in.aside = append(append(in.aside, a.whole...), rest...)
	in.reuse(a)
}

// reuse takes back the frame of an answer, unless its call has kept it.
func (in *inbox) reuse(a *Answer) {
	if a.frame != nil && !a.kept {
		in.link.giveRoom(a.Memory())
		a.frame.Release()
	}
	if a.kept {
		in.link.entrust(a.Memory())
	}
	*a = Answer{}
}

// end is why no more is read, if err says so.
func (in *inbox) end(err error) error {
	if errors.Is(err, io.EOF) && (in.frame != nil || in.headed > 0) {
		return fmt.Errorf("in the middle of an answer: %w", io.ErrUnexpectedEOF)
	}
	return err
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
