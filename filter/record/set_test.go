package record_test

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"slices"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// oldMessage describes a message of magic 0 or 1; nil keys and values are null.
type oldMessage struct {
	Magic      int8
	Attributes int8
	Offset     int64
	Timestamp  int64 // magic 1
	Key, Value []byte
}

// bytes is the message as kmsg writes it, with the right size and CRC.
func (m oldMessage) bytes() []byte {
	if m.Magic == 0 {
		v0 := kmsg.MessageV0{Offset: m.Offset, Attributes: m.Attributes, Key: m.Key, Value: m.Value}
		return sealed(v0.AppendTo(nil))
	}
	v1 := kmsg.MessageV1{
		Offset: m.Offset, Magic: m.Magic, Attributes: m.Attributes, Timestamp: m.Timestamp, Key: m.Key, Value: m.Value,
	}
	return sealed(v1.AppendTo(nil))
}

// sealed puts the right size and CRC into a message.
func sealed(message []byte) []byte {
	binary.BigEndian.PutUint32(message[8:], uint32(len(message)-12))
	binary.BigEndian.PutUint32(message[12:], crc32.ChecksumIEEE(message[16:]))
	return message
}

// setOf is a set of these messages, offsets counted from 0 whatever they have.
func setOf(messages ...oldMessage) []byte {
	var set []byte
	for i, m := range messages {
		m.Offset = int64(i)
		set = append(set, m.bytes()...)
	}
	return set
}

// wrapped is the compressed message that holds set.
func wrapped(magic, codec int8, set []byte) []byte {
	return oldMessage{Magic: magic, Attributes: codec, Value: squeezed(codec, set)}.bytes()
}

// compressors are franz-go's, by codec. One is made once: each has pools, which outlive two garbage collections, so that
// making one for each use would have the heap double with every collection.
var compressors = sync.OnceValue(func() (list []kgo.Compressor) {
	for _, option := range []kgo.CompressionCodec{
		kgo.NoCompression(), kgo.GzipCompression(), kgo.SnappyCompression(), kgo.Lz4Compression(), kgo.ZstdCompression(),
	} {
		c, err := kgo.DefaultCompressor(option)
		if err != nil {
			panic(err)
		}
		list = append(list, c)
	}
	return list
})

// decompressor is franz-go's, for the same reason.
var decompressor = kgo.DefaultDecompressor()

// squeezed is data compressed by franz-go: lz4 frames have blocks of 4 MiB and a checksum of the content.
func squeezed(codec int8, data []byte) []byte {
	c := compressors()[codec]
	out, got := c.Compress(new(bytes.Buffer), data)
	if got != kgo.CompressionCodecType(codec) {
		panic("compressed with another codec")
	}
	return slices.Clone(out)
}

// xerial is data in the framing of Java's snappy stream, in blocks of this size.
func xerial(data []byte, block int) []byte {
	out := []byte("\x82SNAPPY\x00\x00\x00\x00\x01\x00\x00\x00\x01")
	for chunk := range slices.Chunk(data, block) {
		raw := squeezed(2, chunk)
		out = append(binary.BigEndian.AppendUint32(out, uint32(len(raw))), raw...)
	}
	return out
}
