package e2e

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/test/rawkafka"
)

// visitors is how many connections are open at the same time.
const visitors = 32

// churn is a load of short connections that end in every way.
type churn struct {
	addr     string
	metadata *kmsg.MetadataRequest
	stored   [][]byte // frames of Produce requests with correlation id 1, one for each partition
	silent   []byte   // one with acks=0
	produce  *kmsg.ProduceRequest
	counts   [len(kinds)]atomic.Int64
}

// kind is a way to spend a connection.
type kind int

const (
	leaveAtOnce kind = iota
	askAndLeave
	produceAndLeave
	produceAndReset      // without waiting: the answers find nobody
	produceAndResetLater // about when the answers come
	produceAndHalfClose
	produceSilently
	tearFrame
)

var kinds = [...]string{
	leaveAtOnce: "left at once", askAndLeave: "asked", produceAndLeave: "produced", produceAndReset: "reset",
	produceAndResetLater: "reset later", produceAndHalfClose: "half closed", produceSilently: "produced silently",
	tearFrame: "tore a frame",
}

func newChurn(addr, topic string, partitions int32) *churn {
	c := &churn{addr: addr, metadata: rawkafka.AllTopics()}
	for p := range partitions {
		c.produce = rawkafka.Produce(9, -1, topic, p, batchOf(0, noProducer, 0, 20))
		c.stored = append(c.stored, rawkafka.Frame("raw", 1, c.produce))
	}
	c.silent = rawkafka.Frame("raw", 1, rawkafka.Produce(9, 0, topic, 0, batchOf(0, noProducer, 0, 20)))
	return c
}

// run spends n connections at random, and fails the test if one of them was not served as it should.
func (c *churn) run(t *testing.T, n int) {
	t.Helper()
	if err := c.disturb(n); err != nil {
		t.Fatalf("%v, after %v", err, c.visits())
	}
}

// disturb spends n connections at random, fewer if one was not served as it should, and says what went wrong.
func (c *churn) disturb(n int) error {
	var left atomic.Int64
	left.Store(int64(n))
	errs := make(chan error, visitors)
	var wg sync.WaitGroup
	for range visitors {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				if err := c.visit(kind(rand.IntN(len(kinds)))); err != nil {
					left.Store(0)
					errs <- err
				}
			}
		})
	}
	wg.Wait()
	close(errs)
	return <-errs
}

func (c *churn) visits() string {
	text := make([]string, len(kinds))
	for k, name := range kinds {
		text[k] = fmt.Sprintf("%d %s", c.counts[k].Load(), name)
	}
	return strings.Join(text, ", ")
}

func (c *churn) visit(k kind) error {
	c.counts[k].Add(1)
	// Addresses of its own, so that closed connections do not use up the ports of one.
	from := &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(1+rand.IntN(100)))}
	d := net.Dialer{LocalAddr: from, Timeout: 10 * time.Second}
	dialled, err := d.Dial("tcp", c.addr)
	if err != nil {
		return err
	}
	conn := dialled.(*net.TCPConn)
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		return err
	}
	if err := c.spend(conn, k); err != nil {
		return fmt.Errorf("a client that %s: %w", kinds[k], err)
	}
	if rand.IntN(2) == 0 {
		return conn.SetLinger(0) // ends with a reset
	}
	return nil
}

func (c *churn) spend(conn *net.TCPConn, k kind) error {
	switch k {
	case leaveAtOnce:
		return nil
	case askAndLeave:
		if _, err := conn.Write(rawkafka.Frame("raw", 1, c.metadata)); err != nil {
			return err
		}
		_, _, err := rawkafka.ReadAnswer(conn, c.metadata)
		return err
	case produceSilently:
		_, err := conn.Write(c.silent)
		return err
	case tearFrame:
		f := c.stored[0]
		_, err := conn.Write(f[:rand.IntN(len(f))])
		return err
	default:
		return c.spendProducing(conn, k)
	}
}

func (c *churn) spendProducing(conn *net.TCPConn, k kind) error {
	requests := 1 + rand.IntN(4)
	for range requests {
		if _, err := conn.Write(c.stored[rand.IntN(len(c.stored))]); err != nil {
			return err
		}
	}
	switch k {
	case produceAndReset:
		return conn.SetLinger(0)
	case produceAndResetLater:
		time.Sleep(rand.N(2 * time.Millisecond))
		return conn.SetLinger(0)
	case produceAndHalfClose:
		if err := conn.CloseWrite(); err != nil {
			return err
		}
	default:
	}
	for range requests {
		if err := c.readStored(conn); err != nil {
			return err
		}
	}
	if k == produceAndHalfClose {
		if n, err := conn.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
			return fmt.Errorf("after the answers: %d bytes, %w, want the end", n, err)
		}
	}
	return nil
}

func (c *churn) readStored(r io.Reader) error {
	id, resp, err := rawkafka.ReadAnswer(r, c.produce)
	if err != nil {
		return err
	}
	if got := resp.(*kmsg.ProduceResponse).Topics[0].Partitions[0]; id != 1 || got.ErrorCode != 0 {
		return fmt.Errorf("answer %d = %+v", id, got)
	}
	return nil
}
