package conformance

import (
	"encoding/binary"
	"hash/crc32"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire/wiretest"
)

// message is one message of magic 0 or 1, of some key and value.
func message(magic byte) []byte {
	var b []byte
	if magic == 0 {
		m := kmsg.NewMessageV0()
		m.Key, m.Value = []byte("key"), []byte("value")
		b = m.AppendTo(nil)
	} else {
		m := kmsg.NewMessageV1()
		m.Magic, m.Timestamp, m.Key, m.Value = 1, wiretest.BaseTimestamp, []byte("key"), []byte("value")
		b = m.AppendTo(nil)
	}
	binary.BigEndian.PutUint32(b[8:], uint32(len(b)-12))
	binary.BigEndian.PutUint32(b[12:], crc32.ChecksumIEEE(b[16:]))
	return b
}
