package broker_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/broker"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/route"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/target"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// later is a coordinator that answers from other goroutines.
type later struct {
	broker.Brokers

	mu   sync.Mutex
	from *coordinator
}

func (l *later) Call(to target.Broker, request kmsg.Request, _ int16, done func(kmsg.Response, error)) {
	go func() {
		l.mu.Lock()
		request.SetVersion(1)
		response, err := l.from.respond(to, request)
		l.mu.Unlock()
		done(response, err)
	}()
}

func (*later) Doubt(target.Broker) {}

// Own implements broker.Brokers.
//
//nolint:ireturn // as the facade has it
func (l *later) Own(string) broker.Own { return laterOwn{later: l} }

// laterOwn is connections of a client's own to one.
type laterOwn struct {
	broker.Own

	later *later
}

// Call implements broker.Own.
func (l laterOwn) Call(to target.Broker, request kmsg.Request, most int16, _ time.Duration, done func(kmsg.Response, error)) {
	l.later.Call(to, request, most, done)
}

// waiter hands the answer of a request to who waits for it.
type waiter struct {
	pending

	answered chan broker.Answer
}

func (w *waiter) Hold(int) bool { return true }

func (w *waiter) Answer(a broker.Answer) { w.answered <- a }

// TestHammerConsumerGroup has many members of one group send heartbeats at the same time, by proxies that have forgotten them: none is
// fenced, and each has the sum of its epochs.
func TestHammerConsumerGroup(t *testing.T) {
	t.Parallel()
	c1 := &later{from: &coordinator{topic: [16]byte{1}, name: "apples", members: map[string]*onCluster{}}}
	c2 := &later{from: &coordinator{topic: [16]byte{2}, name: "bananas", members: map[string]*onCluster{}}}
	table := route.New([]route.Rule{{Prefix: "apples", Cluster: "c1"}, {Prefix: "bananas", Cluster: "c2"}})
	routes := route.Tables{Written: table, Read: table, DefaultHome: "c1"}
	proxies := make([]*broker.Broker, 20)
	for i := range proxies {
		proxies[i] = broker.New(broker.APIs(), routes, map[string]broker.Upstream{
			"c1": {Cluster: &fake{}, Brokers: c1}, "c2": {Cluster: &fake{}, Brokers: c2},
		}, wire.TopicAuthorizationFailed, broker.Counts{})
	}
	var all sync.WaitGroup
	for n := range 8 {
		all.Go(func() {
			r := kmsg.NewPtrConsumerGroupHeartbeatRequest()
			r.Group, r.MemberID = "group", fmt.Sprint("member-", n)
			clients := make([]broker.Client, len(proxies)) // a connection to each
			for i := range 400 {
				if full := r.MemberEpoch == 0 || i%3 == 0; full {
					r.SubscribedTopicNames, r.RebalanceTimeoutMillis = []string{"apples", "bananas"}, 1000
					r.Topics = []kmsg.ConsumerGroupHeartbeatRequestTopic{}
				} else {
					r.SubscribedTopicNames, r.RebalanceTimeoutMillis, r.Topics = nil, -1, nil
				}
				response := beatBy(t, proxies[i/20], &clients[i/20], r)
				switch code := wire.ErrorCode(response.ErrorCode); {
				case code == wire.NotCoordinator && r.Topics == nil: // it is to say all
				case code != wire.None || r.MemberEpoch != 0 && response.MemberEpoch != r.MemberEpoch:
					t.Errorf("%s is answered %s, and the epoch %d for %d", r.MemberID, code, response.MemberEpoch, r.MemberEpoch)
				default:
					r.MemberEpoch = response.MemberEpoch
				}
			}
		})
	}
	all.Wait()
}

func beatBy(t *testing.T, b *broker.Broker, c *broker.Client, r *kmsg.ConsumerGroupHeartbeatRequest) *kmsg.ConsumerGroupHeartbeatResponse {
	t.Helper()
	const key, version = wire.KeyConsumerGroupHeartbeat, 1
	w := &waiter{answered: make(chan broker.Answer, 1)}
	replyTo(t, b, c, key, version, r, w)
	return parse[*kmsg.ConsumerGroupHeartbeatResponse](t, key, version, <-w.answered)
}
