package conformance

import (
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/test/rawkafka"
)

// What is done to a cluster past the mesh, and how its clients come to see it.

// id is the id that a topic was created with.
func (c *client) id(kind string) [16]byte {
	c.t.Helper()
	id, ok := c.target.oracle.ids.Load(c.topic(kind))
	if !ok {
		c.t.Fatalf("nobody has created %s", c.topic(kind))
	}
	return id.([16]byte)
}

func (c *client) create(kind string, partitions int32) {
	c.t.Helper()
	req := newCreate()
	req.Topics = append(req.Topics, newTopic(c.topic(kind), partitions, nil))
	if err := createTopics(c.t.Context(), c.target.oracle, req); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) grow(kind string, partitions int32) {
	c.t.Helper()
	req := kmsg.NewPtrCreatePartitionsRequest()
	req.TimeoutMillis = 30_000
	t := kmsg.NewCreatePartitionsRequestTopic()
	t.Topic, t.Count = c.topic(kind), partitions
	req.Topics = append(req.Topics, t)
	resp, err := rawkafka.Ask[*kmsg.CreatePartitionsResponse](c.target.oracle.addr, clientID, 3, req)
	c.must(err)
	c.must(kerr.ErrorForCode(resp.Topics[0].ErrorCode))
	c.await(kind, func(t kmsg.MetadataResponseTopic) bool { return len(t.Partitions) == int(partitions) })
}

func (c *client) delete(kind string) {
	c.t.Helper()
	req := kmsg.NewPtrDeleteTopicsRequest()
	req.TimeoutMillis = 30_000
	req.TopicNames = []string{c.topic(kind)}
	resp, err := rawkafka.Ask[*kmsg.DeleteTopicsResponse](c.target.oracle.addr, clientID, 5, req)
	c.must(err)
	c.must(kerr.ErrorForCode(resp.Topics[0].ErrorCode))
	c.await(kind, func(t kmsg.MetadataResponseTopic) bool { return t.ErrorCode != 0 })
}

// await waits until the broker itself says so.
func (c *client) await(kind string, done func(kmsg.MetadataResponseTopic) bool) {
	c.t.Helper()
	c.must(until(c.t.Context(), kind, func() (bool, error) {
		m, err := metadataOf(c.target.oracle, c.topic(kind))
		return err == nil && done(m), err
	}))
}

func (c *client) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

// poll asks until the topics are there, for a bounded time, and notes the answer then.
func (c *client) poll(req *kmsg.MetadataRequest) {
	c.t.Helper()
	c.pollUntil(req, func(r *kmsg.MetadataResponse) bool {
		for _, t := range r.Topics {
			if t.ErrorCode != 0 || len(t.Partitions) == 0 || t.Partitions[0].ErrorCode != 0 {
				return false
			}
		}
		return true
	})
}

// pollUntil asks until the answer is as wanted, for a bounded time, and notes it then.
func (c *client) pollUntil(req *kmsg.MetadataRequest, done func(*kmsg.MetadataResponse) bool) {
	c.t.Helper()
	for end := time.Now().Add(15 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		c.send(req)
		resp, ok := c.answer(req, req.GetVersion(), c.Last).(*kmsg.MetadataResponse)
		if !ok {
			return
		}
		if done(resp) || time.Now().After(end) {
			c.show(resp)
			return
		}
	}
}
