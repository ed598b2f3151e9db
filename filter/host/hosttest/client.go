package hosttest

import (
	"encoding/binary"
	"io"
	"net"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire/wiretest"
)

const patience = time.Minute

// client is a connection to the mesh.
type client struct{ *net.TCPConn }

func (m *mesh) dial(t *testing.T) client {
	t.Helper()
	conn, err := net.DialTimeout("tcp", m.addr, patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	return client{conn.(*net.TCPConn)}
}

func (c client) send(t *testing.T, p []byte) {
	t.Helper()
	if _, err := c.Write(p); err != nil {
		t.Fatal(err)
	}
}

// want reads one answer, to the request with this correlation id.
func (c client) want(t *testing.T, id int32) {
	t.Helper()
	var head [8]byte
	if _, err := io.ReadFull(c, head[:]); err != nil {
		t.Fatalf("answer %d: %v", id, err)
	}
	if got := int32(binary.BigEndian.Uint32(head[4:])); got != id {
		t.Fatalf("answer %d where %d was due", got, id)
	}
	if _, err := io.CopyN(io.Discard, c, int64(binary.BigEndian.Uint32(head[:]))-4); err != nil {
		t.Fatalf("answer %d: %v", id, err)
	}
}

// silent sees that nothing arrives for a moment.
func (c client) silent(t *testing.T) {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	n, _ := c.Read(make([]byte, 1))
	if n > 0 {
		t.Error("an answer came before its turn")
	}
	_ = c.SetReadDeadline(time.Now().Add(patience))
}

// hello sees that somebody else is served.
func (m *mesh) hello(t *testing.T) {
	t.Helper()
	c := m.dial(t)
	c.send(t, metadata(7, topic))
	c.want(t, 7)
	_ = c.Close()
}

func apiVersions(id int32) []byte {
	r := kmsg.NewPtrApiVersionsRequest()
	r.ClientSoftwareName, r.ClientSoftwareVersion = "hosttest", "1"
	return wiretest.Frame(wire.KeyApiVersions, 3, id, "hosttest", r)
}

func metadata(id int32, name string) []byte {
	r := kmsg.NewPtrMetadataRequest()
	t := kmsg.NewMetadataRequestTopic()
	t.Topic = &name
	r.Topics = append(r.Topics, t)
	return wiretest.Frame(wire.KeyMetadata, 9, id, "hosttest", r)
}

func produce(id int32) []byte {
	return wiretest.ProduceFrame(9, id, "hosttest", topic, wiretest.Batch{Records: wiretest.Records(1, 10)}.Bytes())
}
