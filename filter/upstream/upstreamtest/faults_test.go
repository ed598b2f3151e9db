package upstreamtest_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/link"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/upstreamtest"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire/wiretest"
	"github.com/kafkamesh/envoy-kafka-mesh/test/bubble"
)

// way is a connection to who is at the address 1 of a scripted cluster.
type way struct {
	t    *testing.T
	link link.Conn
}

func dial(t *testing.T, c *upstreamtest.Cluster) way {
	t.Helper()
	link, err := c.Dial(t.Context(), "1")
	if err != nil {
		t.Fatal(err)
	}
	return way{t, link}
}

// produce has one record stored in partition 0 of topic a. A lost connection is NETWORK_EXCEPTION.
func (w way) produce(acks int16) wire.ErrorCode {
	w.t.Helper()
	r := kmsg.NewPtrProduceRequest()
	r.Acks = acks
	topic := kmsg.NewProduceRequestTopic()
	topic.Topic = "a"
	topic.Partitions = append(topic.Partitions, kmsg.ProduceRequestTopicPartition{Records: []byte("one")})
	r.Topics = append(r.Topics, topic)
	if _, err := w.link.Conn.Write(wiretest.Frame(wire.KeyProduce, 9, 1, "test", r)); err != nil {
		return wire.NetworkException
	}
	head := make([]byte, 4)
	if _, err := io.ReadFull(w.link.Conn, head); err != nil {
		return wire.NetworkException
	}
	frame := make([]byte, 4+binary.BigEndian.Uint32(head))
	copy(frame, head)
	if _, err := io.ReadFull(w.link.Conn, frame[4:]); err != nil {
		return wire.NetworkException
	}
	_, response, err := wiretest.ParseResponse(wire.KeyProduce, 9, frame)
	if err != nil {
		w.t.Fatal(err)
	}
	return wire.ErrorCode(response.(*kmsg.ProduceResponse).Topics[0].Partitions[0].ErrorCode)
}

// Each fault does what it says, and is over when it is.
func TestFaults(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		begin  func(c *upstreamtest.Cluster)
		want   wire.ErrorCode
		stored int
		end    func(c *upstreamtest.Cluster)
	}{
		{
			"cut in the middle of a request", func(c *upstreamtest.Cluster) { c.CutNext(1, upstreamtest.CutHalfRead) },
			wire.NetworkException, 0, func(*upstreamtest.Cluster) {},
		},
		{
			"cut before the answer", func(c *upstreamtest.Cluster) { c.CutNext(1, upstreamtest.CutStored) },
			wire.NetworkException, 1, func(*upstreamtest.Cluster) {},
		},
		{
			"gone down while it works", func(c *upstreamtest.Cluster) {
				c.Delay(1, 2*time.Second, 0)
				time.AfterFunc(time.Second, func() { c.Down(1, true) })
			},
			wire.NetworkException, 0, func(c *upstreamtest.Cluster) { c.Down(1, false) },
		},
		{
			"cut while it works", func(c *upstreamtest.Cluster) {
				c.Delay(1, 2*time.Second, 0)
				time.AfterFunc(time.Second, func() { c.Cut(1) })
			},
			wire.NetworkException, 1, func(*upstreamtest.Cluster) {},
		},
		{
			"short of replicas", func(c *upstreamtest.Cluster) { c.Shorten("a", 0, true) },
			wire.NotEnoughReplicas, 0, func(c *upstreamtest.Cluster) { c.Shorten("a", 0, false) },
		},
		{
			"no leader", func(c *upstreamtest.Cluster) { c.Move("a", 0, -1) },
			wire.NotLeaderOrFollower, 0, func(c *upstreamtest.Cluster) { c.Move("a", 0, 1) },
		},
		{
			"slow", func(c *upstreamtest.Cluster) { c.Delay(1, time.Second, time.Second) },
			wire.None, 1, func(c *upstreamtest.Cluster) { c.Delay(1, 0, 0) },
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := upstreamtest.New(2)
				c.CreateTopic("a", 1)
				tt.begin(c)
				if got := dial(t, c).produce(-1); got != tt.want {
					t.Errorf("%s, want %s", got, tt.want)
				}
				bubble.Advance(5 * time.Second)
				if got := len(c.Stored("a", 0)); got != tt.stored {
					t.Errorf("%d stored, want %d", got, tt.stored)
				}
				tt.end(c)
				if got := dial(t, c).produce(-1); got != wire.None {
					t.Errorf("afterwards: %s", got)
				}
				c.Cut(1)
			})
		})
	}
}

// A broker that is deaf takes connections for ever and answers nothing.
func TestDeaf(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := upstreamtest.New(1)
		c.CreateTopic("a", 1)
		w := dial(t, c)
		c.Deafen(1, true)
		time.AfterFunc(time.Minute, func() { c.Cut(1) })
		start := time.Now()
		if got := w.produce(-1); got != wire.NetworkException || time.Since(start) != time.Minute {
			t.Errorf("%s after %s, want nothing for a minute", got, time.Since(start))
		}
		if _, err := c.Dial(t.Context(), "1"); err == nil {
			t.Error("connected")
		}
		c.Deafen(1, false)
		dial(t, c)
		c.Cut(1)
		if n := len(c.Stored("a", 0)); n != 0 {
			t.Errorf("%d stored, want none", n)
		}
	})
}

// A client that asks for no answer gets none, and loses its connection when something is wrong.
func TestAcksZero(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := upstreamtest.New(1)
		c.CreateTopic("a", 1)
		w := dial(t, c)
		time.AfterFunc(time.Second, func() { c.Move("a", 0, -1) })
		time.AfterFunc(2*time.Second, func() {
			if got := w.produce(0); got != wire.NetworkException {
				t.Errorf("without a leader: %s", got)
			}
		})
		if got := w.produce(0); got != wire.NetworkException || len(c.Stored("a", 0)) != 1 {
			t.Errorf("%s, %d stored; want no answer, and 1", got, len(c.Stored("a", 0)))
		}
	})
}

// A connection leads to whoever has the address when it is made.
func TestAddressChangesDuringADial(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := upstreamtest.New(2)
		c.CreateTopic("a", 2)
		c.DelayDials(time.Second)
		time.AfterFunc(time.Second/2, func() { c.Exchange(1, 2) })
		if got := dial(t, c).produce(-1); got != wire.None {
			t.Errorf("%s from the broker that is at the address now", got)
		}
		c.Cut(2)
	})
}

func TestMetadataFaults(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := upstreamtest.New(2)
		c.CreateTopic("a", 1)
		first := leaders(t, c)
		c.Outdate(true)
		c.Move("a", 0, 2)
		c.AddPartitions("a", 1)
		if got := leaders(t, c); got.id != first.id || got.leaders != 1 || got.first != 1 {
			t.Errorf("stale: %+v, want %+v", got, first)
		}
		c.Outdate(false)
		if got := leaders(t, c); got.leaders != 2 || got.first != 2 {
			t.Errorf("current: %+v, want 2 partitions, led by 2", got)
		}
		c.DeleteTopic("a")
		c.CreateTopic("a", 1)
		if got := leaders(t, c); got.id == first.id {
			t.Error("the topic made again has the id of the one before")
		}
		c.DelayMetadata(time.Minute)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := c.Metadata(ctx, nil, false); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("slow: %v", err)
		}
		start := time.Now()
		leaders(t, c)
		if took := time.Since(start); took != time.Minute {
			t.Errorf("took %s, want a minute", took)
		}
		c.DelayMetadata(0)
		c.Down(1, true)
		leaders(t, c)
		c.Down(2, true)
		if _, err := c.Metadata(t.Context(), nil, false); err == nil {
			t.Error("metadata of a cluster without brokers")
		}
	})
}

type view struct {
	id      [16]byte
	leaders int
	first   int32
}

func leaders(t *testing.T, c *upstreamtest.Cluster) view {
	t.Helper()
	m, err := c.Metadata(t.Context(), []string{"a"}, false)
	if err != nil {
		t.Fatal(err)
	}
	p := m.Topics[0].Partitions
	return view{m.Topics[0].ID, len(p), p[0].Leader}
}
