package robust

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire/wiretest"
	"github.com/kafkamesh/envoy-kafka-mesh/test/rawkafka"
)

// clientID is in the header of what all clients send.
const clientID = "robust"

func dial(t *testing.T, addr string) *rawkafka.Client {
	t.Helper()
	return rawkafka.Connect(t, addr, clientID)
}

func apiVersions() []byte { return rawkafka.Frame(clientID, 1, rawkafka.APIVersions(clientID, "1.0")) }

// request is a frame of any content without a client id: header and body in hexadecimal notation would be longer.
func request(key wire.APIKey, version int16, body ...[]byte) []byte {
	return rawkafka.Request(int16(key), version, append([][]byte{{0xff, 0xff}}, body...)...)
}

// announce is the beginning of a request of size bytes, of which n come.
func announce(size, n int) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(size)), make([]byte, n)...)
}

func produce(id int32, topic string, recordBytes int) []byte {
	return wiretest.ProduceFrame(9, id, clientID, topic, wiretest.Batch{Records: wiretest.Records(1, recordBytes)}.Bytes())
}

// i32 and i16 are numbers as they are in messages.
func i32(n int32) []byte { return binary.BigEndian.AppendUint32(nil, uint32(n)) }
func i16(n int16) []byte { return binary.BigEndian.AppendUint16(nil, uint16(n)) }

func str(s string) []byte { return append(i16(int16(len(s))), s...) }

func times(n int, b []byte) []byte { return bytes.Repeat(b, n) }
