package record

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"slices"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"
)

var (
	errTooLarge = errors.New("more than is allowed")
	errFraming  = errors.New("broken framing")
)

// Snappy comes as one raw block, or as the stream of the Java library (SnappyOutputStream.java, called xerial after its
// author): a header, then blocks, each after its length. Kafka's Java clients and brokers write the stream and read both.
const (
	xerialMagic     = "\x82SNAPPY\x00"
	xerialHeader    = xerialMagic + "\x00\x00\x00\x01\x00\x00\x00\x01" // version, oldest compatible version
	xerialBlockSize = 32 << 10
	// snappyRatio is more than a block can grow: 3 bytes copy at most 64.
	snappyRatio = 22
)

// appendUnsnappy appends what src, in either framing, decompresses to, at most limit bytes.
func appendUnsnappy(dst, src []byte, limit int) ([]byte, error) {
	if !bytes.HasPrefix(src, []byte(xerialMagic)) {
		return appendSnappyBlock(dst, src, limit)
	}
	if len(src) < len(xerialHeader) {
		return dst, errFraming
	}
	limit += len(dst)
	for src = src[len(xerialHeader):]; len(src) > 0; {
		if len(src) < 4 {
			return dst, errFraming
		}
		n := binary.BigEndian.Uint32(src)
		src = src[4:]
		if uint64(n) > uint64(len(src)) {
			return dst, errFraming
		}
		var err error
		if dst, err = appendSnappyBlock(dst, src[:n], limit-len(dst)); err != nil {
			return dst, err
		}
		src = src[n:]
	}
	return dst, nil
}

// appendSnappyBlock appends what one raw block decompresses to, at most limit bytes.
func appendSnappyBlock(dst, block []byte, limit int) ([]byte, error) {
	n, err := s2.DecodedLen(block)
	switch {
	case err != nil:
		return dst, err
	case n > snappyRatio*len(block):
		return dst, s2.ErrCorrupt
	case n > limit:
		return dst, errTooLarge
	}
	dst = slices.Grow(dst, n)
	if _, err := s2.Decode(dst[len(dst):len(dst)+n], block); err != nil {
		return dst, err
	}
	return dst[:len(dst)+n], nil
}

// appendSnappy appends src compressed, as a stream.
func appendSnappy(dst, src []byte) []byte {
	dst = append(dst, xerialHeader...)
	for chunk := range slices.Chunk(src, xerialBlockSize) {
		at := len(dst)
		dst = slices.Grow(dst, 4+s2.MaxEncodedLen(len(chunk)))
		n := len(s2.EncodeSnappy(dst[at+4:cap(dst)], chunk))
		dst = binary.BigEndian.AppendUint32(dst, uint32(n))[:at+4+n]
	}
	return dst
}

// appendGunzip appends what src, one or more members, decompresses to, at most c.Limit bytes.
func (c *Converter) appendGunzip(dst, src []byte) ([]byte, error) {
	if c.unzip == nil {
		c.unzip = new(gzip.Reader)
	}
	if err := c.unzip.Reset(bytes.NewReader(src)); err != nil {
		return dst, err
	}
	out := bytes.NewBuffer(dst)
	_, err := out.ReadFrom(io.LimitReader(c.unzip, int64(c.Limit)+1))
	if out.Len()-len(dst) > c.Limit {
		err = errTooLarge
	}
	_ = c.unzip.Reset(bytes.NewReader(nil)) // lets go of src, and finds nothing to read
	return out.Bytes(), err
}

// appendGzip appends src compressed, as one member.
func (c *Converter) appendGzip(dst, src []byte) []byte {
	out := bytes.NewBuffer(dst)
	if c.zip == nil {
		c.zip = gzip.NewWriter(out)
	} else {
		c.zip.Reset(out)
	}
	// A Buffer takes everything.
	_, _ = c.zip.Write(src)
	_ = c.zip.Close()
	c.zip.Reset(io.Discard) // lets go of dst
	return out.Bytes()
}
