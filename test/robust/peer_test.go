package robust

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire/wiretest"
)

// patience bounds every wait for the facade.
const patience = 30 * time.Second

// peer is one connection to the facade, for whatever a test wants to send.
type peer struct{ *net.TCPConn }

func dial(t *testing.T, addr string) peer {
	t.Helper()
	conn, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return peer{conn.(*net.TCPConn)}
}

func (p peer) send(t *testing.T, pieces ...[]byte) {
	t.Helper()
	if _, err := p.Write(slices.Concat(pieces...)); err != nil {
		t.Fatal(err)
	}
}

// answer reads the next answer, length included.
func (p peer) answer(t *testing.T) []byte {
	t.Helper()
	head := make([]byte, 4)
	if _, err := io.ReadFull(p, head); err != nil {
		t.Fatalf("no answer: %v", err)
	}
	frame := slices.Concat(head, make([]byte, binary.BigEndian.Uint32(head)))
	if _, err := io.ReadFull(p, frame[4:]); err != nil {
		t.Fatalf("half an answer: %v", err)
	}
	return frame
}

// wantClosed waits until the facade closes the connection, without another answer.
func (p peer) wantClosed(t *testing.T) {
	t.Helper()
	rest, err := io.ReadAll(p)
	if ne, ok := errors.AsType[net.Error](err); ok && ne.Timeout() || len(rest) > 0 {
		t.Errorf("the connection lives, after %d bytes: %v", len(rest), err)
	}
}

// wantServed checks that the connection is of use.
func (p peer) wantServed(t *testing.T) {
	t.Helper()
	p.send(t, apiVersions(77))
	if got := p.answer(t); binary.BigEndian.Uint32(got[4:]) != 77 {
		t.Errorf("answer % x is not the one to ApiVersions", got[:min(len(got), 20)])
	}
}

func apiVersions(id int32) []byte {
	r := kmsg.NewPtrApiVersionsRequest()
	r.ClientSoftwareName, r.ClientSoftwareVersion = "robust", "1.0"
	return wiretest.Frame(wire.KeyApiVersions, 3, id, "robust", r)
}

// request is a frame of any content: header and body in hexadecimal notation would be longer.
func request(key wire.APIKey, version int16, body ...[]byte) []byte {
	b := binary.BigEndian.AppendUint16(nil, uint16(key))
	b = binary.BigEndian.AppendUint16(b, uint16(version))
	b = append(b, 0, 0, 0, 1, 0xff, 0xff) // correlation id, no client id
	return framed(slices.Concat(append([][]byte{b}, body...)...))
}

func framed(b []byte) []byte { return append(binary.BigEndian.AppendUint32(nil, uint32(len(b))), b...) }

// announce is the beginning of a request of size bytes, of which n come.
func announce(size, n int) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(size)), make([]byte, n)...)
}

func produce(id int32, topic string, recordBytes int) []byte {
	return wiretest.ProduceFrame(9, id, "robust", topic, wiretest.Batch{Records: wiretest.Records(1, recordBytes)}.Bytes())
}

// i32 and i16 are numbers as they are in messages.
func i32(n int32) []byte { return binary.BigEndian.AppendUint32(nil, uint32(n)) }
func i16(n int16) []byte { return binary.BigEndian.AppendUint16(nil, uint16(n)) }

func str(s string) []byte { return append(i16(int16(len(s))), s...) }

func times(n int, b []byte) []byte { return bytes.Repeat(b, n) }
