package upstream_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/order"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// crowd is clients that each have a window of batches on their way to one partition, all the time.
type crowd struct {
	*bench

	answers chan int // the number of the client whose oldest batch has its result
	fences  []*order.Fences
	sent    [][]*wire.Batch // of each client
}

const crowdWindow = 5

func newCrowd(b *bench, clients int) *crowd {
	c := &crowd{bench: b, answers: make(chan int, clients*crowdWindow), sent: make([][]*wire.Batch, clients)}
	for range clients {
		c.fences = append(c.fences, new(order.Fences))
	}
	for i := range clients * crowdWindow {
		c.send(i % clients)
	}
	return c
}

func (c *crowd) send(client int) {
	batch := &wire.Batch{Topic: "a", Records: fmt.Appendf(nil, "%d %d", client, len(c.sent[client]))}
	c.sent[client] = append(c.sent[client], batch)
	c.way.Produce(c.fences[client], []*wire.Batch{batch}, -1, 30_000, func(int32) { c.answers <- client })
}

// goOn has the clients send again whenever they are answered, for so long. It returns how many batches of each were answered.
func (c *crowd) goOn(d time.Duration) []int {
	answered := make([]int, len(c.sent))
	for end := time.After(d); ; {
		select {
		case client := <-c.answers:
			answered[client]++
			c.send(client)
		case <-end:
			return answered
		}
	}
}

// wantInOrder waits for all answers, and wants everything stored, in the order in which each client sent it.
func (c *crowd) wantInOrder() {
	c.t.Helper()
	for range len(c.sent) * crowdWindow {
		<-c.answers
	}
	stored := c.cluster.Stored("a", 0)
	for client, sent := range c.sent {
		mine := slices.DeleteFunc(slices.Clone(stored), func(r []byte) bool { return r[0] != byte('0'+client) })
		if len(mine) != len(sent) {
			c.t.Errorf("of client %d %d batches are stored, want %d", client, len(mine), len(sent))
			continue
		}
		for i, b := range sent {
			if string(mine[i]) != string(b.Records) || b.Result.Code != wire.None {
				c.t.Errorf("of client %d %q is stored as number %d, want %q (%s)", client, mine[i], i, b.Records, b.Result.Code)
				break
			}
		}
	}
}

// Clients that always have batches of a partition on their way spread over the connections that there may be, although each of them
// began on the first and keeps to one connection while a batch of it is there.
func TestBusyClientsSpreadOverConnections(t *testing.T) {
	t.Parallel()
	s := settings()
	s.ConnectionsPerBroker = 8
	inBubbleWith(t, 1, s, func(b *bench) {
		b.cluster.CreateTopic("a", 1)
		b.produce("a", 0, "warm")
		const took, clients = 100 * time.Millisecond, 6
		b.cluster.Delay(1, took, 0)
		c := newCrowd(b, clients)
		c.goOn(20 * time.Second)
		answered := c.goOn(10 * time.Second)
		for client, n := range answered {
			if alone := int(10 * time.Second / took); n < alone*3/4 {
				t.Errorf("client %d was answered %d batches, want nearly the %d that a connection of its own takes", client, n, alone)
			}
		}
		if n := b.metric("connections"); n != clients {
			t.Errorf("%d connections, want one for each client", n)
		}
		c.wantInOrder()
	})
}

// Who shares a connection with nobody, or finds no better one, stays there, however slow it is.
func TestBusyClientsMoveNoMoreThanTheyNeed(t *testing.T) {
	t.Parallel()
	s := settings()
	s.ConnectionsPerBroker = 3
	inBubbleWith(t, 1, s, func(b *bench) {
		b.cluster.CreateTopic("a", 1)
		b.cluster.Delay(1, 100*time.Millisecond, 0)
		lonely := newCrowd(b, 1)
		lonely.goOn(10 * time.Second)
		if n := b.metric("connections"); n != 1 {
			t.Errorf("a client alone has %d connections, want 1", n)
		}
		lonely.wantInOrder()
	})
	inBubbleWith(t, 1, s, func(b *bench) {
		b.cluster.CreateTopic("a", 1)
		b.cluster.Delay(1, 100*time.Millisecond, 0)
		many := newCrowd(b, 7)
		many.goOn(20 * time.Second)
		total := 0
		for _, n := range many.goOn(10 * time.Second) {
			total += n
		}
		if total < 295 {
			t.Errorf("%d batches were answered in 10 s, want the 300 that three connections take", total)
		}
		many.wantInOrder()
	})
}
