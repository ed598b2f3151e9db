package e2e

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// rawConn is a client that sends exactly what a test tells it to, on one connection.
type rawConn struct {
	*net.TCPConn

	next int32 // the last correlation id used
}

func dialRaw(t *testing.T, addr string) *rawConn {
	t.Helper()
	conn, err := net.DialTimeout("tcp", addr, 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	return &rawConn{TCPConn: conn.(*net.TCPConn)}
}

// send writes a request, in the version that is set in it, and returns its correlation id.
func (c *rawConn) send(t *testing.T, req kmsg.Request) int32 {
	t.Helper()
	c.next++
	if _, err := c.Write(frame(req, c.next)); err != nil {
		t.Fatalf("send %T: %v", req, err)
	}
	return c.next
}

// receive reads the next answer, which must be the one to req with that correlation id.
//
//nolint:ireturn // its type depends on the request's
func (c *rawConn) receive(t *testing.T, req kmsg.Request, id int32) kmsg.Response {
	t.Helper()
	got, resp, err := readAnswer(c, req)
	if err != nil {
		t.Fatalf("answer to %T v%d: %v", req, req.GetVersion(), err)
	}
	if got != id {
		t.Fatalf("answer has correlation id %d, want %d", got, id)
	}
	return resp
}

func frame(req kmsg.Request, id int32) []byte {
	return kmsg.NewRequestFormatter(kmsg.FormatterClientID("raw")).AppendRequest(nil, req, id)
}

// readAnswer reads one answer, to a request of req's key and version.
//
//nolint:ireturn // its type depends on the request's
func readAnswer(r io.Reader, req kmsg.Request) (int32, kmsg.Response, error) {
	var head [8]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	size, id := int32(binary.BigEndian.Uint32(head[:])), int32(binary.BigEndian.Uint32(head[4:]))
	if size < 4 || size > 16<<20 {
		return id, nil, fmt.Errorf("answer of %d bytes", size)
	}
	body := make([]byte, size-4)
	if _, err := io.ReadFull(r, body); err != nil {
		return id, nil, err
	}
	resp := req.ResponseKind()
	resp.SetVersion(req.GetVersion())
	if resp.IsFlexible() && resp.Key() != int16(kmsg.ApiVersions) {
		if len(body) == 0 || body[0] != 0 {
			return id, nil, errors.New("the header does not end in an empty list of tags")
		}
		body = body[1:]
	}
	return id, resp, resp.ReadFrom(body)
}

// produceRequest asks to store batches, which may be several, in a partition.
func produceRequest(version, acks int16, topic string, partition int32, batches ...[]byte) *kmsg.ProduceRequest {
	p := kmsg.NewProduceRequestTopicPartition()
	p.Partition = partition
	for _, b := range batches {
		p.Records = append(p.Records, b...)
	}
	req := kmsg.NewPtrProduceRequest()
	req.SetVersion(version)
	req.Acks = acks
	req.TimeoutMillis = 30_000
	req.Topics = []kmsg.ProduceRequestTopic{{Topic: topic, Partitions: []kmsg.ProduceRequestTopicPartition{p}}}
	return req
}

// produced is the answer for the only partition of a Produce request.
func produced(t *testing.T, resp kmsg.Response) kmsg.ProduceResponseTopicPartition {
	t.Helper()
	r := resp.(*kmsg.ProduceResponse)
	if len(r.Topics) != 1 || len(r.Topics[0].Partitions) != 1 {
		t.Fatalf("answer = %+v, want one partition", r)
	}
	return r.Topics[0].Partitions[0]
}

func apiVersions() *kmsg.ApiVersionsRequest {
	req := kmsg.NewPtrApiVersionsRequest()
	req.SetVersion(3)
	req.ClientSoftwareName, req.ClientSoftwareVersion = "raw", "1"
	return req
}
