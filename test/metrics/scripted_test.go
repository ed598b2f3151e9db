package metrics

import (
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// scripted is a cluster that does what a topic says.
type scripted struct {
	*stack.FakeCluster

	accepted atomic.Int64 // connections

	mu   sync.Mutex
	gate chan struct{} // what is held waits until it is closed; nil: nothing is
}

func newScripted(t *testing.T) *scripted {
	t.Helper()
	s := &scripted{}
	s.FakeCluster = stack.Fake(t, stack.FakeOptions{More: []kfake.Opt{
		kfake.SeedTopics(int32(len(failingCodes)), failingTopic), kfake.SeedTopics(2, plainTopic, throttledTopic, silentTopic, heldTopic),
		kfake.ListenFn(func(network, addr string) (net.Listener, error) {
			l, err := net.Listen(network, addr)
			return &counting{l, &s.accepted}, err
		}),
	}})
	t.Cleanup(s.release) // before the cluster is closed
	s.ControlKey(int16(kmsg.Produce), s.produce)
	return s
}

// counting is a listener that counts who comes.
type counting struct {
	net.Listener

	accepted *atomic.Int64
}

// Accept implements net.Listener.
func (l *counting) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		l.accepted.Add(1)
	}
	return c, err
}

// produce answers a Produce as its first topic says.
//
//nolint:ireturn,revive // as kfake has it
func (s *scripted) produce(r kmsg.Request) (kmsg.Response, error, bool) {
	s.KeepControl()
	req := r.(*kmsg.ProduceRequest)
	resp := req.ResponseKind().(*kmsg.ProduceResponse)
	switch topic := req.Topics[0]; topic.Topic {
	case failingTopic:
		for _, p := range topic.Partitions {
			answer(resp, topic.Topic, p.Partition, failingCodes[p.Partition].code)
		}
	case throttledTopic:
		resp.ThrottleMillis = throttle
		for _, p := range topic.Partitions {
			answer(resp, topic.Topic, p.Partition, 0)
		}
	case silentTopic:
		return nil, nil, true
	case heldTopic:
		s.mu.Lock()
		gate := s.gate
		s.mu.Unlock()
		if gate != nil {
			s.SleepControl(func() { <-gate })
		}
		return nil, nil, false
	default:
		return nil, nil, false
	}
	return resp, nil, true
}

// answer adds the answer for one partition.
func answer(resp *kmsg.ProduceResponse, topic string, partition int32, code int16) {
	t, p := kmsg.NewProduceResponseTopic(), kmsg.NewProduceResponseTopicPartition()
	t.Topic, p.Partition, p.ErrorCode = topic, partition, code
	t.Partitions = append(t.Partitions, p)
	resp.Topics = append(resp.Topics, t)
}

// hold has what comes to heldTopic wait, and release has it and what comes be answered.
func (s *scripted) hold() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gate = make(chan struct{})
}

func (s *scripted) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gate != nil {
		close(s.gate)
		s.gate = nil
	}
}

// stored is where a partition of the scripted cluster ends.
func (s *scripted) stored(topic string, partition int32) (int64, error) {
	p := s.PartitionInfo(topic, partition)
	if p == nil {
		return 0, fmt.Errorf("there is no %s/%d", topic, partition)
	}
	return p.HighWatermark, nil
}
