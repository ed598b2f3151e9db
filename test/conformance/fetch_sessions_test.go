package conformance

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire/wiretest"
)

// TestFetchSessions plays sequences of requests in a session (KIP-227), by name and by id.
func TestFetchSessions(t *testing.T) {
	t.Parallel()
	var all []scenario
	for _, by := range []struct {
		name    string
		version int16
	}{{"by name", 11}, {"by id", 15}} {
		in := func(name string, do func(s *fetchSession)) {
			all = append(all, scenario{name: name + ", " + by.name, do: func(c *client) { do(&fetchSession{client: c, version: by.version}) }})
		}
		in("a session in which records come", (*fetchSession).recordsCome)
		in("partitions that come and go", func(s *fetchSession) {
			s.begin(0)
			s.next(s.at(1, 0))
			s.next()
			s.forget(0)
			s.next()
			s.next(s.at(0, s.end(0)))
			s.next()
		})
		in("errors", func(s *fetchSession) {
			s.begin(0, 7)
			s.next()
			s.next(s.at(0, 1<<40))
			s.next()
			s.next(s.at(0, s.end(0)))
			s.next()
		})
		in("all is forgotten", func(s *fetchSession) {
			s.begin(0)
			s.forget(0)
			s.next()
		})
		in("a session that is closed", func(s *fetchSession) {
			s.begin(0)
			s.ask(s.id, wire.SessionFinal)
			s.next()
		})
		in("a session that is closed with a full request", func(s *fetchSession) {
			s.begin(0)
			s.ask(s.id, wire.SessionFinal, s.at(0, 0))
			s.next()
		})
		in("another one in its place", func(s *fetchSession) {
			s.begin(0)
			was := s.id
			s.ask(s.id, wire.SessionInitial, s.at(1, 0))
			s.ask(was, 1)
			s.next()
		})
		in("a request outside", func(s *fetchSession) {
			s.begin(0)
			s.ask(0, wire.SessionFinal, s.at(0, 0))
			s.next()
		})
		in("epochs that are not the next", func(s *fetchSession) {
			s.begin(0)
			for _, epoch := range []int32{2, -2, 1, 1, 2} {
				s.say("epoch %d", epoch)
				s.ask(s.id, epoch)
			}
		})
		in("ids that nobody has", func(s *fetchSession) {
			s.begin(0)
			s.ask(0, 1)
			s.ask(s.id^1, 1)
			s.ask(-1, 1)
			s.next()
		})
		in("topics named otherwise", func(s *fetchSession) {
			s.begin(0)
			s.version = 26 - s.version
			s.next()
			s.ask(s.id, 7)
			s.version = 26 - s.version
			s.epoch = 1
			s.next()
		})
		in("on another connection", func(s *fetchSession) {
			s.begin(0)
			s.again()
			s.next()
		})
		all[len(all)-1].differs = sessionOfConnection
	}
	play(t, "fetch_sessions", all)
}

// fetchSession is a client with a session of the topic sessioned.
type fetchSession struct {
	*client

	version   int16
	id, epoch int32
}

// begin asks for partitions from their ends on.
func (s *fetchSession) begin(partitions ...int32) {
	var asked []kmsg.FetchRequestTopicPartition
	for _, n := range partitions {
		asked = append(asked, s.at(n, s.end(n)))
	}
	s.ask(0, wire.SessionInitial, asked...)
	s.epoch = 1
}

// next goes on with the session.
func (s *fetchSession) next(changed ...kmsg.FetchRequestTopicPartition) {
	s.ask(s.id, s.epoch, changed...)
	s.epoch++
}

// forget goes on and takes a partition out.
func (s *fetchSession) forget(partition int32) {
	req := s.request(s.id, s.epoch)
	named := s.named()
	req.ForgottenTopics = []kmsg.FetchRequestForgottenTopic{{Topic: named.Topic, TopicID: named.TopicID, Partitions: []int32{partition}}}
	s.asks(req)
	s.epoch++
}

// recordsCome has records come one after another, also such that there is no room for in an answer.
func (s *fetchSession) recordsCome() {
	s.begin(0, 1)
	s.next()
	s.store(1)
	s.next()
	s.next(s.at(1, s.end(1)))
	s.store(0)
	s.store(1)
	req := s.request(s.id, s.epoch)
	req.MaxBytes = 1
	s.asks(req)
	s.epoch++
	req = s.request(s.id, s.epoch)
	req.MaxBytes = 1
	s.asks(req)
	s.epoch++
	s.next()
	s.next(s.at(0, s.end(0)), s.at(1, s.end(1)))
	s.next()
}

// store has one batch be in a partition. A broker, or a leader, that is not there for a moment is asked again.
func (s *fetchSession) store(partition int32) {
	s.t.Helper()
	for range 10 {
		req := produce(9, s.topic("sessioned"), partition, wiretest.Batch{Records: wiretest.Records(2, 100)}.Bytes())
		s.send(req)
		resp, ok := s.answer(req, 9, s.Last).(*kmsg.ProduceResponse)
		if !ok {
			s.t.Fatal("a batch has no answer")
		}
		code := resp.Topics[0].Partitions[0].ErrorCode
		if code == 0 {
			return
		}
		s.t.Logf("a batch is answered with %s", wire.ErrorCode(code))
	}
	s.t.Fatal("a batch is not stored")
}

// end is where a partition ends.
func (s *fetchSession) end(partition int32) int64 {
	if partition >= 2 {
		return 0
	}
	end, err := s.target.held(s.topic("sessioned"), partition)
	s.must(err)
	return end
}

func (s *fetchSession) at(partition int32, offset int64) kmsg.FetchRequestTopicPartition {
	p := kmsg.NewFetchRequestTopicPartition()
	p.Partition, p.FetchOffset, p.PartitionMaxBytes = partition, offset, 1<<20
	return p
}

// named is the topic as the version names it.
func (s *fetchSession) named() kmsg.FetchRequestTopic {
	t := kmsg.NewFetchRequestTopic()
	if wire.FetchNamesByID(s.version) {
		t.TopicID = s.client.id("sessioned")
	} else {
		t.Topic = s.topic("sessioned")
	}
	return t
}

func (s *fetchSession) request(id, epoch int32, partitions ...kmsg.FetchRequestTopicPartition) *kmsg.FetchRequest {
	req := kmsg.NewPtrFetchRequest()
	req.Version, req.ReplicaID, req.MaxWaitMillis, req.MinBytes, req.MaxBytes = s.version, -1, 300, 1, 1<<20
	req.SessionID, req.SessionEpoch = id, epoch
	if len(partitions) > 0 {
		t := s.named()
		t.Partitions = partitions
		req.Topics = append(req.Topics, t)
	}
	return req
}

func (s *fetchSession) ask(id, epoch int32, partitions ...kmsg.FetchRequestTopicPartition) {
	s.asks(s.request(id, epoch, partitions...))
}

// asks sends a request, notes what is answered, and whether that is of the session.
func (s *fetchSession) asks(req *kmsg.FetchRequest) {
	s.send(req)
	resp, ok := s.answer(req, s.version, s.Last).(*kmsg.FetchResponse)
	if !ok {
		return
	}
	s.showFetched(resp)
	if s.id != 0 && resp.SessionID != 0 && resp.SessionID != s.id {
		s.say("the session is another")
	}
	if resp.SessionID != 0 {
		s.id = resp.SessionID
	}
}
