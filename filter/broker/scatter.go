package broker

import (
	"errors"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/target"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// scatter is a request that is asked of several brokers in parts. When the last part is in, the client is answered.
type scatter struct {
	*Call

	answer func() // makes the answer, once, with no lock held

	mu   sync.Mutex
	left int // parts that are out, and one until all are sent
}

// newScatter returns one without parts. Its maker sends them, and calls end.
func newScatter(c *Call, answer func()) *scatter { return &scatter{Call: c, answer: answer, left: 1} }

// begin says that a part is out, for which end has to be called once.
func (s *scatter) begin() {
	s.locked(func() { s.left++ })
}

// end says that a part is in; the last one answers the client.
func (s *scatter) end() {
	last := false
	s.locked(func() {
		s.left--
		last = s.left == 0
	})
	if last {
		defer answerAfterPanic(s)
		s.answer()
	}
}

// locked runs f, one at a time.
func (s *scatter) locked(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

// ask sends a part to a broker, and has take look at what came of it, one at a time.
func (s *scatter) ask(b Brokers, to target.Broker, request kmsg.Request, most int16, take func(kmsg.Response, error)) {
	s.begin()
	b.Call(to, request, most, func(r kmsg.Response, err error) {
		defer answerAfterPanic(s)
		s.locked(func() { take(r, err) })
		s.end()
	})
}

// byCluster sorts things by the cluster that each of them belongs to, in the order of their first. in says where the i-th belongs; false:
// nowhere.
func byCluster(n int, in func(i int) (cluster string, ok bool)) (clusters []string, of map[string][]int) {
	of = map[string][]int{}
	for i := range n {
		name, ok := in(i)
		if !ok {
			continue
		}
		if of[name] == nil {
			clusters = append(clusters, name)
		}
		of[name] = append(of[name], i)
	}
	return clusters, of
}

// toLeaders finds the leaders of partitions of one cluster. each is called for every broker that leads some, with their places in
// partitions, and refuse for each that nobody leads; refuse one at a time.
func (s *scatter) toLeaders(b Brokers, partitions []wire.TopicPartition, each func(leader target.Broker, which []int), refuse func(i int, code wire.ErrorCode)) {
	s.begin()
	b.Leaders(partitions, func(found []wire.Partition) {
		defer answerAfterPanic(s)
		nodes, of := []int32(nil), map[int32][]int{}
		for i := range found {
			node := found[i].Leader
			if node < 0 {
				s.locked(func() { refuse(i, found[i].Code) })
				continue
			}
			if of[node] == nil {
				nodes = append(nodes, node)
			}
			of[node] = append(of[node], i)
		}
		for _, node := range nodes {
			each(target.Node(node), of[node])
		}
		s.end()
	})
}

// askSoon is ask for a part that is not waited for longer than so: then take looks at errLate, and at nothing that comes later.
func (s *scatter) askSoon(
	b Brokers, to target.Broker, request kmsg.Request, most int16, within time.Duration, take func(kmsg.Response, error),
) {
	s.begin()
	s.soon(within, func(settle func(take func())) {
		b.Call(to, request, most, func(r kmsg.Response, err error) { settle(func() { take(r, err) }) })
	}, func() { take(nil, errLate) }, s.end)
}

// soon begins what is not waited for longer than so. It calls settle, once, to have its result looked at, one at a time; if that comes too
// late, late has been called in place of it. Either is followed by over.
func (s *scatter) soon(within time.Duration, begin func(settle func(take func())), late, over func()) {
	taken := false
	settle := func(take func()) {
		defer answerAfterPanic(s)
		first := false
		s.locked(func() {
			if first = !taken; first {
				taken = true
				take()
			}
		})
		if first {
			over()
		}
	}
	timer := time.AfterFunc(within, func() {
		defer s.recover()
		settle(late)
	})
	begin(func(take func()) {
		timer.Stop()
		settle(take)
	})
}

// errLate says that a part was not answered in time.
var errLate = errors.New("it is not answered in time")

// recover stops a panic on a goroutine of a timer's. The client has been answered.
func (*scatter) recover() { _ = recover() }
