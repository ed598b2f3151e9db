package main

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"math/bits"
	"slices"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// messageSet is the message set of magic 0 or 1 that holds records, in one compressed message if there is a codec.
func messageSet(magic int16, codec string, records []record) []byte {
	var set []byte
	for i, rec := range records {
		set = append(set, message(magic, 0, int64(i), rec.timestamp.UnixMilli(), rec.key, rec.value)...)
	}
	attributes := int8(slices.Index([]string{"none", "gzip", "snappy", "lz4"}, codec))
	if attributes <= 0 {
		return set
	}
	last := records[len(records)-1].timestamp.UnixMilli()
	return message(magic, attributes, int64(len(records)-1), last, nil, squeeze(magic, attributes, set))
}

func message(magic int16, attributes int8, offset, timestamp int64, key, value []byte) []byte {
	var out []byte
	if magic == 0 {
		m := kmsg.MessageV0{Offset: offset, Attributes: attributes, Key: key, Value: value}
		out = m.AppendTo(nil)
	} else {
		m := kmsg.MessageV1{Offset: offset, Magic: 1, Attributes: attributes, Timestamp: timestamp, Key: key, Value: value}
		out = m.AppendTo(nil)
	}
	binary.BigEndian.PutUint32(out[8:], uint32(len(out)-12))
	binary.BigEndian.PutUint32(out[12:], crc32.ChecksumIEEE(out[16:]))
	return out
}

func squeeze(magic int16, codec int8, set []byte) []byte {
	options := []kgo.CompressionCodec{
		kgo.NoCompression(), kgo.GzipCompression(), kgo.SnappyCompression(), kgo.Lz4Compression(),
	}
	c, err := kgo.DefaultCompressor(options[codec])
	if err != nil {
		panic(err) // a constant list
	}
	out, _ := c.Compress(new(bytes.Buffer), set)
	out = slices.Clone(out)
	if magic == 0 && options[codec] == kgo.Lz4Compression() {
		breakChecksum(out)
	}
	return out
}

// breakChecksum gives an LZ4 frame the header checksum that clients used with magic 0: over the frame's magic number too
// (KAFKA-3160).
func breakChecksum(frame []byte) {
	end := 6
	if frame[4]&0x08 != 0 {
		end += 8 // the size of the content
	}
	frame[end] = byte(xxh32(frame[:end]) >> 8)
}

// xxh32 is the hash of that name, with seed 0, of fewer than 16 bytes.
func xxh32(data []byte) uint32 {
	const p1, p2, p3, p4, p5 = 2654435761, 2246822519, 3266489917, 668265263, 374761393
	h := uint32(p5) + uint32(len(data))
	for ; len(data) >= 4; data = data[4:] {
		h = bits.RotateLeft32(h+binary.LittleEndian.Uint32(data)*p3, 17) * p4
	}
	for _, b := range data {
		h = bits.RotateLeft32(h+uint32(b)*p5, 11) * p1
	}
	h = (h ^ h>>15) * p2
	h = (h ^ h>>13) * p3
	return h ^ h>>16
}
