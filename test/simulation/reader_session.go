package simulation

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// readingSession is a reader's session (KIP-227), as Java's consumer keeps it: what it has said, so as not to say it again. It outlives the
// connection; whether the broker still knows it is seen then. The zero value is none.
type readingSession struct {
	id, epoch int32
	limit     int // requests, after which it begins another one
	said      map[sessionSpot]kmsg.FetchRequestTopicPartition
}

// sessionSpot is a partition as a request names it.
type sessionSpot struct {
	topic     string
	id        [16]byte
	partition int32
}

// shorten leaves out of a request for all partitions what its broker knows, and adds what it is to forget.
func (s *readingSession) shorten(q *kmsg.FetchRequest) {
	if int(s.epoch) > s.limit {
		s.epoch = wire.SessionInitial
	}
	q.SessionID, q.SessionEpoch = s.id, s.epoch
	was := s.said
	s.said = map[sessionSpot]kmsg.FetchRequestTopicPartition{}
	goesOn := s.epoch != wire.SessionInitial
	var topics []kmsg.FetchRequestTopic
	for _, t := range q.Topics {
		left := t
		left.Partitions = nil
		for _, p := range t.Partitions {
			at := spotOf(&t, p.Partition)
			s.said[at] = p
			if before, there := was[at]; !goesOn || !there || !sameAsked(before, p) {
				left.Partitions = append(left.Partitions, p)
			}
			delete(was, at)
		}
		if len(left.Partitions) > 0 {
			topics = append(topics, left)
		}
	}
	q.Topics = topics
	if goesOn {
		q.ForgottenTopics = forgotten(was)
	}
}

// spotOf names a partition as the request does that a topic is of: by its id, if it has one.
func spotOf(t *kmsg.FetchRequestTopic, partition int32) sessionSpot {
	return sessionSpot{t.Topic, t.TopicID, partition}
}

func sameAsked(a, b kmsg.FetchRequestTopicPartition) bool {
	return a.FetchOffset == b.FetchOffset && a.CurrentLeaderEpoch == b.CurrentLeaderEpoch && a.PartitionMaxBytes == b.PartitionMaxBytes
}

// forgotten is what is left of what was said, in an order that does not depend on chance.
func forgotten(left map[sessionSpot]kmsg.FetchRequestTopicPartition) (topics []kmsg.FetchRequestForgottenTopic) {
	for at := range left {
		topics = append(topics, kmsg.FetchRequestForgottenTopic{Topic: at.topic, TopicID: at.id, Partitions: []int32{at.partition}})
	}
	slices.SortFunc(topics, func(a, b kmsg.FetchRequestForgottenTopic) int {
		if a.Topic != b.Topic {
			return len(a.Topic) - len(b.Topic)
		}
		return int(a.Partitions[0] - b.Partitions[0])
	})
	return topics
}

// refused says whether an answer refuses to go on with the session: then the next request names all partitions.
func (s *readingSession) refused(code wire.ErrorCode) bool {
	switch code {
	case wire.FetchSessionIDNotFound:
		s.id, s.epoch = 0, wire.SessionInitial
	case wire.InvalidFetchSessionEpoch, wire.FetchSessionTopicIDError:
		s.epoch = wire.SessionInitial
	default:
		return false
	}
	return true
}

// answered takes note of an answer of a session, and says whether it has to have all partitions.
func (s *readingSession) answered(id int32) (full bool) {
	full = s.epoch <= wire.SessionInitial
	s.id = id
	if s.epoch = wire.NextSessionEpoch(s.epoch); id == 0 {
		s.epoch = wire.SessionInitial
	}
	return full
}

// lost has the session begin anew, for the request that was on its way may have been served or not.
func (s *readingSession) lost() { s.epoch = wire.SessionInitial }
