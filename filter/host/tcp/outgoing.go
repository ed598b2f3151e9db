package tcp

import (
	"slices"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/socket"
)

// copyBelow is how little of a write is copied when the socket does not take it at once: to keep it would hold up memory that may be
// larger by far.
const copyBelow = 64 << 10

// outgoing is what a client has been written and its socket has not taken, in order. The mutex of its conn guards it.
type outgoing struct {
	waiting []write // for the socket
	sending write   // what it has now
	busy    bool    // it has something
	bytes   int     // that wait
	spare   []byte  // for the next copy
}

// write is one, or the rest of it: parts that are kept, or a copy.
type write struct {
	parts [][]byte
	sent  func() // is called when they are sent; nil: it is a copy
	copy  []byte
}

func (w *write) size() int { return socket.Size(w.parts) + len(w.copy) }

// add takes over what the socket has not taken of a write.
func (o *outgoing) add(parts [][]byte, sent func()) {
	size := socket.Size(parts)
	if o.bytes += size; sent != nil && size >= copyBelow {
		o.waiting = append(o.waiting, write{parts: slices.Clone(parts), sent: sent})
		return
	}
	if size > 0 {
		buffer := o.buffer()
		for _, p := range parts {
			*buffer = append(*buffer, p...)
		}
	}
	if sent != nil {
		sent()
	}
}

// buffer is what is copied to: the last that waits, if it is ours.
func (o *outgoing) buffer() *[]byte {
	if n := len(o.waiting); n == 0 || o.waiting[n-1].sent != nil {
		o.waiting = append(o.waiting, write{copy: o.spare[:0]})
		o.spare = nil
	}
	return &o.waiting[len(o.waiting)-1].copy
}

// next is what the socket is to be given now, if there is something.
func (o *outgoing) next() (parts [][]byte, more bool) {
	if len(o.waiting) == 0 {
		*o = outgoing{} // a connection at rest holds no buffer
		return nil, false
	}
	o.sending, o.busy = o.waiting[0], true
	o.waiting = slices.Delete(o.waiting, 0, 1)
	if o.bytes -= o.sending.size(); o.sending.sent == nil {
		return [][]byte{o.sending.copy}, true
	}
	return o.sending.parts, true
}

// wrote says that the socket has sent what it had.
func (o *outgoing) wrote() {
	w := o.sending
	if o.sending, o.busy = (write{}), false; w.sent == nil {
		o.spare = w.copy
	} else {
		w.sent()
	}
}

// drop gives up what is not sent. The socket reads it no more.
func (o *outgoing) drop() {
	all := append([]write{o.sending}, o.waiting...)
	*o = outgoing{}
	for _, w := range all {
		if w.sent != nil {
			w.sent()
		}
	}
}
