package churn

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/test/rawkafka"
)

// visitors is how many connections are open at the same time.
const visitors = 32

// Churn visits a mesh. Its methods may be called from any goroutine.
type Churn struct {
	addr     string
	metadata *kmsg.MetadataRequest
	stored   [][]byte // frames of Produce requests with correlation id 1, one for each partition
	silent   []byte   // one with acks=0
	old      []byte   // one of a version that had no batches, to a topic that is nobody's
	produce  *kmsg.ProduceRequest
	counts   [Kinds]atomic.Int64
}

// New is a churn of the mesh at addr that stores one batch again and again in the partitions of a topic.
func New(addr, topic string, partitions int32, batch []byte) *Churn {
	c := &Churn{addr: addr, metadata: rawkafka.AllTopics()}
	for p := range partitions {
		c.produce = rawkafka.Produce(9, -1, topic, p, batch)
		c.stored = append(c.stored, rawkafka.Frame("raw", 1, c.produce))
	}
	c.silent = rawkafka.Frame("raw", 1, rawkafka.Produce(9, 0, topic, 0, batch))
	c.old = rawkafka.Frame("raw", 1, rawkafka.Produce(2, -1, "nobodys", 0, nil))
	return c
}

// Run spends n connections at random, several at a time, fewer if one was not served as it should, and says what went wrong.
func (c *Churn) Run(n int) error {
	var left atomic.Int64
	left.Store(int64(n))
	errs := make(chan error, visitors)
	var wg sync.WaitGroup
	for range visitors {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				if err := c.Visit(Kind(rand.IntN(int(Kinds)))); err != nil {
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

// Visit spends one connection, and says why it was not served as it should.
func (c *Churn) Visit(k Kind) error {
	c.counts[k].Add(1)
	conn, err := Dial(c.addr)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // its work is done
	if err := c.spend(conn, k); err != nil {
		return fmt.Errorf("a client that %s: %w", k, err)
	}
	if rand.IntN(2) == 0 {
		return conn.SetLinger(0) // ends with a reset
	}
	return nil
}

// String counts the visits of each kind.
func (c *Churn) String() string {
	text := make([]string, Kinds)
	for k := range Kinds {
		text[k] = fmt.Sprintf("%d %s", c.counts[k].Load(), k)
	}
	return strings.Join(text, ", ")
}

// Dial connects to a mesh of this machine, from addresses of its own, so that closed connections do not use up the ports of one.
func Dial(addr string) (*net.TCPConn, error) {
	from := &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(1+rand.IntN(100)))}
	d := net.Dialer{LocalAddr: from, Timeout: rawkafka.Patience}
	conn, err := d.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	return conn.(*net.TCPConn), conn.SetDeadline(time.Now().Add(rawkafka.Patience))
}
