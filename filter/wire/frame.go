package wire

import (
	"math/bits"
	"sync"
	"sync/atomic"
)

// Buffers of frames are pooled by size, in powers of two from 1 KiB to 8 MiB. Bigger ones are left to the garbage
// collector.
const (
	minClassBits = 10
	maxClassBits = 23
)

// Frame is one whole request or response without its length. Bytes may be read from any goroutine until Release.
type Frame struct {
	buf  atomic.Pointer[buffer]
	size int
}

// NewFrame gives a frame of so many bytes, whose content is unknown yet.
func NewFrame(size int) *Frame {
	f := &Frame{size: size}
	f.buf.Store(newBuffer(size))
	return f
}

// FrameMemory is how much memory a frame of so many bytes holds.
func FrameMemory(size int) int {
	if c := class(size); c < len(buffers) {
		return 1 << (c + minClassBits)
	}
	return size
}

// Bytes is the frame's content, without the four bytes of length. It and everything decoded from it that says so
// (Batch.Records) point into a pooled buffer: they are gone after Release. After Release Bytes is nil.
func (f *Frame) Bytes() []byte {
	b := f.buf.Load()
	if b == nil {
		return nil
	}
	return b.data[:f.size:f.size]
}

// Release gives the buffer back for another connection's frames. Call it once nobody reads the frame any more, from
// any goroutine; a second call does nothing. A frame that is never released is left to the garbage collector.
//
// Under the race detector a released frame is overwritten, so that whoever reads it too late fails.
func (f *Frame) Release() {
	if b := f.buf.Swap(nil); b != nil {
		b.free()
	}
}

// buffer is a pooled piece of memory. Its length is its capacity.
type buffer struct {
	data []byte
}

//nolint:gochecknoglobals // frames outlive connections, so their pools outlive them too
var buffers [maxClassBits - minClassBits + 1]sync.Pool

// newBuffer gives a buffer of at least size bytes with unknown content.
func newBuffer(size int) *buffer {
	c := class(size)
	if c >= len(buffers) {
		return &buffer{data: make([]byte, size)}
	}
	if b, ok := buffers[c].Get().(*buffer); ok {
		return b
	}
	return &buffer{data: make([]byte, 1<<(c+minClassBits))}
}

// free puts b back into the pool it came from.
func (b *buffer) free() {
	if poison {
		b.data[0] = 0xdb
		for n := 1; n < len(b.data); n *= 2 {
			copy(b.data[n:], b.data[:n])
		}
	}
	if c := class(len(b.data)); c < len(buffers) && len(b.data) == 1<<(c+minClassBits) {
		buffers[c].Put(b)
	}
}

// class is the index in buffers of the smallest class that holds size bytes.
func class(size int) int {
	if size <= 1<<minClassBits {
		return 0
	}
	return bits.Len(uint(size-1)) - minClassBits
}
