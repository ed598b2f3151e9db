package wire

import (
	"encoding/binary"
	"fmt"
	"slices"
)

const (
	// DefaultMaxBytes is the longest frame a Framer takes unless told otherwise: what a Kafka broker takes
	// (socket.request.max.bytes).
	DefaultMaxBytes = 100 << 20

	lengthSize = 4
	// eager is how much is allocated on the word of a peer that has sent nothing yet.
	eager = 64 << 10
	// maxTrusted is how much is allocated on the word of a peer that has kept it once.
	maxTrusted = 8 << 20
)

// Framer cuts a stream of bytes into Kafka frames: four bytes of big-endian length, then so many bytes. The pieces may
// be cut anywhere. The zero value works. One goroutine at a time may call it.
//
// Bytes are copied once, into the frame. A frame of up to 64 KiB gets its buffer at once, and so does one of up to
// 8 MiB that is no longer than an earlier one of this stream. The buffer of any other grows as bytes arrive and never
// exceeds twice what came plus 64 KiB: a length that lies costs us nothing.
type Framer struct {
	// MaxBytes is the longest frame accepted; DefaultMaxBytes if not positive.
	MaxBytes int
	// Lean has buffers grow with what comes from the first byte on, for when memory is short. It may change at any time.
	Lean bool

	length  [lengthSize]byte
	have    int // bytes of length and frame that have come
	size    int // of the frame; known once have >= lengthSize
	buf     *buffer
	longest int // frame that has come whole, up to maxTrusted
	err     error
}

// Next takes bytes from p until a frame is whole. It gives back the frame and the rest of p, which the caller feeds to
// the next call; without a frame there is no rest and more bytes are needed. It does not keep p. The frame is the
// caller's to Release.
//
// An error is a *Violation and final: the stream cannot be read any further.
func (f *Framer) Next(p []byte) (frame *Frame, rest []byte, err error) {
	if f.err != nil {
		return nil, nil, f.err
	}
	if f.have < lengthSize {
		n := copy(f.length[f.have:], p)
		f.have, p = f.have+n, p[n:]
		if f.have < lengthSize {
			return nil, nil, nil
		}
		if f.size, f.err = f.checkLength(); f.err != nil {
			return nil, nil, f.err
		}
	}
	got := f.have - lengthSize
	n := min(f.size-got, len(p))
	f.reserve(got, n)
	copy(f.buf.data[got:], p[:n])
	f.have += n
	if got+n < f.size {
		return nil, nil, nil
	}
	frame = &Frame{size: f.size}
	frame.buf.Store(f.buf)
	f.longest = max(f.longest, min(f.size, maxTrusted))
	f.buf, f.have, f.size = nil, 0, 0
	return frame, p[n:], nil
}

// Room is where the next bytes of a frame belong: the free part of the buffer that it has, without the frame's last byte. Whoever
// has put bytes there says so with Advance, before any other call. Nil: there is no frame, or it has no room yet.
func (f *Framer) Room() []byte {
	if f.buf == nil {
		return nil
	}
	return f.buf.data[f.have-lengthSize : min(f.size-1, len(f.buf.data))]
}

// Advance takes the first n bytes of Room, as Next would have.
func (f *Framer) Advance(n int) { f.have += n }

// Buffered is how many bytes of a frame that is not whole yet have come, its length included.
func (f *Framer) Buffered() int { return f.have }

// Announced is how many bytes that frame will have, its length included. While the length has not come whole, it is the
// length's own size.
func (f *Framer) Announced() int { return lengthSize + f.size }

// Held is how much memory that frame has got.
func (f *Framer) Held() int {
	if f.buf == nil {
		return 0
	}
	return len(f.buf.data)
}

// Reset drops a frame that is not whole and gives its buffer back. Call it when the stream ends; after it the Framer
// takes a new stream.
func (f *Framer) Reset() {
	if f.buf != nil {
		f.buf.free()
	}
	*f = Framer{MaxBytes: f.MaxBytes, Lean: f.Lean}
}

// reserve makes room for n more bytes behind the got that are in the buffer.
func (f *Framer) reserve(got, n int) {
	if f.buf == nil {
		trusted := max(eager, f.longest)
		if f.Lean {
			trusted = 0
		}
		f.buf = newBuffer(min(f.size, max(trusted, n)))
		return
	}
	if got+n <= len(f.buf.data) {
		return
	}
	grown := newBuffer(min(f.size, max(2*got, got+n)))
	copy(grown.data, f.buf.data[:got])
	f.buf.free()
	f.buf = grown
}

// checkLength reads the frame's length, or says what came instead of one.
func (f *Framer) checkLength() (int, error) {
	limit := f.MaxBytes
	if limit <= 0 {
		limit = DefaultMaxBytes
	}
	size := int(int32(binary.BigEndian.Uint32(f.length[:])))
	if 0 <= size && size <= limit {
		return size, nil
	}
	first := string(f.length[:])
	switch {
	case slices.Contains(httpStarts[:], first):
		return 0, &Violation{ReasonHTTPRequest, fmt.Sprintf("received HTTP (%q) where Kafka was expected", first)}
	case f.length[0] == 0x16 && f.length[1] == 0x03:
		return 0, &Violation{ReasonTLSHandshake, fmt.Sprintf("received a TLS ClientHello (% x) on a connection without TLS", first)}
	case f.length[0] == 0x15 && f.length[1] == 0x03:
		return 0, &Violation{ReasonTLSHandshake, fmt.Sprintf("received a TLS alert (% x): the other side wants TLS", first)}
	case size < 0:
		return 0, &Violation{ReasonNegativeLength, fmt.Sprintf("frame of %d bytes (% x)", size, first)}
	default:
		return 0, &Violation{ReasonOversizedFrame, fmt.Sprintf("frame of %d bytes (% x), the limit is %d", size, first, limit)}
	}
}

// httpStarts is what HTTP begins with: HTTP/1 requests, HTTP/2's preface and, from a server, a response.
//
//nolint:gochecknoglobals // a constant table
var httpStarts = [...]string{"GET ", "POST", "HEAD", "PUT ", "DELE", "PATC", "OPTI", "CONN", "PRI ", "HTTP"}
