package churn

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/test/rawkafka"
)

// Kind is a way to spend a connection.
type Kind int

// The ways.
const (
	LeaveAtOnce Kind = iota
	AskAndLeave
	ProduceAndLeave
	ProduceAndReset      // without waiting: the answers find nobody
	ProduceAndResetLater // about when the answers come
	ProduceAndHalfClose
	ProduceSilently
	ProduceOldAndReset // what a goroutine answers, without waiting: the host's thread, which has the other answers, is told of this one
	TearFrame
	Kinds // how many there are
)

// String says what such a client did.
func (k Kind) String() string {
	return [Kinds]string{
		"left at once", "asked", "produced", "reset", "reset later", "half closed", "produced silently",
		"produced in an old format", "tore a frame",
	}[k]
}

func (c *Churn) spend(conn *net.TCPConn, k Kind) error {
	switch k {
	case LeaveAtOnce:
		return nil
	case AskAndLeave:
		if _, err := conn.Write(rawkafka.Frame("raw", 1, c.metadata)); err != nil {
			return err
		}
		_, _, err := rawkafka.ReadAnswer(conn, c.metadata)
		return err
	case ProduceSilently:
		_, err := conn.Write(c.silent)
		return err
	case ProduceOldAndReset:
		if _, err := conn.Write(bytes.Repeat(c.old, 1+rand.IntN(4))); err != nil {
			return err
		}
		<-time.After(rand.N(time.Millisecond))
		return conn.SetLinger(0)
	case TearFrame:
		f := c.stored[0]
		_, err := conn.Write(f[:rand.IntN(len(f))])
		return err
	default:
		return c.spendProducing(conn, k)
	}
}

func (c *Churn) spendProducing(conn *net.TCPConn, k Kind) error {
	requests := 1 + rand.IntN(4)
	for range requests {
		if _, err := conn.Write(c.stored[rand.IntN(len(c.stored))]); err != nil {
			return err
		}
	}
	switch k {
	case ProduceAndReset:
		return conn.SetLinger(0)
	case ProduceAndResetLater:
		<-time.After(rand.N(2 * time.Millisecond))
		return conn.SetLinger(0)
	case ProduceAndHalfClose:
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
	if k == ProduceAndHalfClose {
		if n, err := conn.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
			return fmt.Errorf("after the answers: %d bytes, %w, want the end", n, err)
		}
	}
	return nil
}

func (c *Churn) readStored(r io.Reader) error {
	id, resp, err := rawkafka.ReadAnswer(r, c.produce)
	if err != nil {
		return err
	}
	if got := resp.(*kmsg.ProduceResponse).Topics[0].Partitions[0]; id != 1 || got.ErrorCode != 0 {
		return fmt.Errorf("answer %d = %+v", id, got)
	}
	return nil
}
