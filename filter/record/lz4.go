package record

import (
	"encoding/binary"
	"errors"
	"slices"

	"github.com/pierrec/lz4/v4"
)

// LZ4 comes as a frame: magic number, flags, block size, an optional content size, a checksum of this header, then
// blocks, each after its size, and a size of zero (https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md).
//
// With magic 0, Java clients before 0.10 and all who had to talk to brokers of that time computed the header's checksum
// over the magic number too, which no lz4 library takes (KAFKA-3160). Frames are therefore taken apart here, and their
// checksums not looked at: all of the frame is under the message's CRC already.
const (
	// lz4Header is what Java's producer writes: version 1, independent blocks of at most 64 KiB, no checksums.
	lz4Header      = lz4Magic + "\x60\x40\x82"
	lz4Magic       = "\x04\x22\x4d\x18"
	lz4BlockSize   = 64 << 10
	lz4Raw         = 1 << 31 // bit of a block's size: the block is not compressed
	lz4Ratio       = 255     // how much a block can grow at most
	lz4Guess       = 8       // and rarely more than
	lz4Version     = 0x40    // flags
	lz4Independent = 0x20
	lz4BlockSum    = 0x10
	lz4Size        = 0x08
	lz4ContentSum  = 0x04
)

var errDependent = errors.New("blocks that depend on each other")

// appendUnLZ4 appends what src, one frame, decompresses to, at most limit bytes. As in a broker, what follows the frame
// is not looked at.
func appendUnLZ4(dst, src []byte, limit int) ([]byte, error) {
	src, blockMax, flags, err := lz4Blocks(src)
	limit += len(dst)
	for err == nil {
		var block []byte
		var raw bool
		block, src, raw, err = nextLZ4Block(src, flags)
		switch {
		case err != nil:
		case len(block) == 0:
			return dst, nil
		case len(block) > blockMax:
			err = errFraming
		case !raw:
			dst, err = appendLZ4Block(dst, block, blockMax, limit-len(dst))
		case len(block) > limit-len(dst):
			err = errTooLarge
		default:
			dst = append(dst, block...)
		}
	}
	return dst, err
}

// nextLZ4Block takes a block off src. The end of the frame is an empty block; raw blocks are not compressed.
func nextLZ4Block(src []byte, flags byte) (block, rest []byte, raw bool, err error) {
	if len(src) < 4 {
		return nil, nil, false, errFraming
	}
	word := binary.LittleEndian.Uint32(src)
	src = src[4:]
	size := int(word &^ lz4Raw)
	end := size
	if size == 0 && flags&lz4ContentSum != 0 || size > 0 && flags&lz4BlockSum != 0 {
		end += 4
	}
	if end > len(src) {
		return nil, nil, false, errFraming
	}
	return src[:size], src[end:], word&lz4Raw != 0, nil
}

// lz4Blocks reads the header of a frame: the blocks that follow it, the most that one decompresses to, and the flags.
func lz4Blocks(src []byte) (blocks []byte, blockMax int, flags byte, err error) {
	if len(src) < len(lz4Header) || string(src[:len(lz4Magic)]) != lz4Magic {
		return nil, 0, 0, errFraming
	}
	flags, size, header := src[4], src[5]>>4, len(lz4Header)
	const known = lz4Independent | lz4BlockSum | lz4Size | lz4ContentSum
	if flags&^known != lz4Version || size < 4 || size > 7 {
		return nil, 0, 0, errFraming
	}
	if flags&lz4Independent == 0 {
		return nil, 0, 0, errDependent
	}
	if flags&lz4Size != 0 {
		header += 8
	}
	if len(src) < header {
		return nil, 0, 0, errFraming
	}
	return src[header:], 1 << (8 + 2*size), flags, nil
}

// appendLZ4Block appends what one block decompresses to, at most limit bytes.
func appendLZ4Block(dst, block []byte, blockMax, limit int) ([]byte, error) {
	most := min(blockMax, lz4Ratio*len(block), limit)
	if most == 0 {
		return dst, errTooLarge // and the library crashes without room
	}
	// A block does not say its size. Few need much room, so all of it is made only for those.
	room := min(lz4Guess*len(block), most)
	for {
		dst = slices.Grow(dst, room)
		n, err := lz4.UncompressBlock(block, dst[len(dst):len(dst)+room])
		switch {
		case err == nil:
			return dst[:len(dst)+n], nil
		case room < most:
			room = most
		case most == limit:
			return dst, errTooLarge
		default:
			return dst, err
		}
	}
}

// appendLZ4 appends src compressed, as one frame.
func (c *Converter) appendLZ4(dst, src []byte) []byte {
	if c.shrink == nil {
		c.shrink = new(lz4.Compressor)
	}
	dst = append(dst, lz4Header...)
	for chunk := range slices.Chunk(src, lz4BlockSize) {
		at := len(dst)
		dst = slices.Grow(dst, 4+len(chunk))
		size := uint32(len(chunk)) | lz4Raw
		// No room for a block that does not get smaller: an error or nothing written then.
		if n, err := c.shrink.CompressBlock(chunk, dst[at+4:at+4+len(chunk)]); err == nil && n > 0 && n < len(chunk) {
			size = uint32(n)
		}
		dst = binary.LittleEndian.AppendUint32(dst, size)
		if size&lz4Raw != 0 {
			dst = append(dst, chunk...)
		} else {
			dst = dst[:at+4+int(size)]
		}
	}
	return append(dst, 0, 0, 0, 0)
}
