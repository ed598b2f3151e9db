package upstreamtest

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// fetchSession is what a broker keeps of one that reads (KIP-227), by Kafka's rules. The Cluster's mutex guards it.
type fetchSession struct {
	id, epoch  int32
	byID       bool
	partitions []*sessionPartition // in the order in which they are read
}

// sessionPartition is a partition of a session, and what was last told of it.
type sessionPartition struct {
	topic       string
	id          [16]byte
	asked       kmsg.FetchRequestTopicPartition
	high, start int64
}

// LimitSessions has each broker keep so many sessions of Fetch at most; those that it has are dropped. Without it there is no limit.
func (c *Cluster) LimitSessions(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.limited, c.mostSessions = true, n
	for _, node := range c.nodes {
		node.fetches = nil
	}
}

// enterSession is the session that a request goes on with, nil for none, and what it asks for in all. c.mu is held.
func (c *Cluster) enterSession(id int32, r *kmsg.FetchRequest) (s *fetchSession, all *kmsg.FetchRequest, code wire.ErrorCode) {
	sessions := c.nodes[id].fetches
	if r.SessionEpoch == wire.SessionInitial || r.SessionEpoch == wire.SessionFinal || !wire.FetchHasSessions(r.Version) {
		delete(sessions, r.SessionID)
		return nil, r, wire.None
	}
	s = sessions[r.SessionID]
	switch {
	case s == nil:
		return nil, nil, wire.FetchSessionIDNotFound
	case s.epoch != r.SessionEpoch:
		return nil, nil, wire.InvalidFetchSessionEpoch
	case s.byID != wire.FetchNamesByID(r.Version):
		return nil, nil, wire.FetchSessionTopicIDError
	}
	s.update(r)
	if len(s.partitions) == 0 {
		delete(sessions, s.id)
		return nil, r, wire.None
	}
	s.epoch = wire.NextSessionEpoch(s.epoch)
	whole := *r
	whole.Topics = nil
	for _, p := range s.partitions {
		t := kmsg.NewFetchRequestTopic()
		t.Topic, t.TopicID, t.Partitions = p.topic, p.id, []kmsg.FetchRequestTopicPartition{p.asked}
		whole.Topics = append(whole.Topics, t)
	}
	return s, &whole, wire.None
}

func (s *fetchSession) find(topic string, id [16]byte, partition int32) int {
	return slices.IndexFunc(s.partitions, func(p *sessionPartition) bool {
		return p.asked.Partition == partition && (s.byID && p.id == id || !s.byID && p.topic == topic)
	})
}

// update takes note of what a request says anew, and then forgets what it says.
func (s *fetchSession) update(r *kmsg.FetchRequest) {
	for _, t := range r.Topics {
		for _, asked := range t.Partitions {
			if i := s.find(t.Topic, t.TopicID, asked.Partition); i >= 0 {
				s.partitions[i].asked = asked
			} else {
				s.partitions = append(s.partitions, &sessionPartition{topic: t.Topic, id: t.TopicID, asked: asked, high: -1, start: -1})
			}
		}
	}
	for _, t := range r.ForgottenTopics {
		for _, partition := range t.Partitions {
			if i := s.find(t.Topic, t.TopicID, partition); i >= 0 {
				s.partitions = slices.Delete(s.partitions, i, i+1)
			}
		}
	}
}

// tellSession makes of an answer to all that is read one of the session, or begins the session that a request asks for. c.mu is held.
func (c *Cluster) tellSession(id int32, s *fetchSession, r *kmsg.FetchRequest, response *kmsg.FetchResponse) {
	node := c.nodes[id]
	switch {
	case s != nil && s.epoch != wire.NextSessionEpoch(r.SessionEpoch): // somebody has gone on meanwhile
		*response = kmsg.NewFetchResponse()
		response.ErrorCode = int16(wire.InvalidFetchSessionEpoch)
	case s != nil:
		response.SessionID = s.id
		s.leaveOut(response)
	case r.SessionEpoch == wire.SessionInitial && wire.FetchHasSessions(r.Version) && (!c.limited || len(node.fetches) < c.mostSessions):
		if node.fetches == nil {
			node.fetches = map[int32]*fetchSession{}
		}
		c.sessions++
		begun := &fetchSession{id: c.sessions, epoch: 1, byID: wire.FetchNamesByID(r.Version)}
		begun.update(r)
		begun.told(response, func(*sessionPartition, *kmsg.FetchResponseTopicPartition) {})
		node.fetches[begun.id] = begun
		response.SessionID = begun.id
	}
}

// leaveOut leaves out of an answer what the reader knows.
func (s *fetchSession) leaveOut(response *kmsg.FetchResponse) {
	topics := make([]kmsg.FetchResponseTopic, 0, len(response.Topics))
	s.told(response, func(p *sessionPartition, told *kmsg.FetchResponseTopicPartition) {
		t := kmsg.NewFetchResponseTopic()
		t.Topic, t.TopicID, t.Partitions = p.topic, p.id, []kmsg.FetchResponseTopicPartition{*told}
		topics = append(topics, t)
		if len(told.RecordBatches) > 0 { // the others come first from now on
			i := slices.Index(s.partitions, p)
			s.partitions = append(slices.Delete(s.partitions, i, i+1), p)
		}
	})
	response.Topics = topics
}

// told takes note of what there is, and calls news with what the reader does not know.
func (s *fetchSession) told(response *kmsg.FetchResponse, news func(p *sessionPartition, told *kmsg.FetchResponseTopicPartition)) {
	for i := range response.Topics {
		t := &response.Topics[i]
		for j := range t.Partitions {
			told := &t.Partitions[j]
			p := s.partitions[s.find(t.Topic, t.TopicID, told.Partition)]
			is := len(told.RecordBatches) > 0 || told.HighWatermark != p.high || told.LogStartOffset != p.start || told.ErrorCode != 0
			if p.high, p.start = told.HighWatermark, told.LogStartOffset; told.ErrorCode != 0 {
				p.high = -1
			}
			if is {
				news(p, told)
			}
		}
	}
}
