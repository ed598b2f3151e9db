package broker

import (
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/target"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// commitPatience is how long a cluster is waited for that gets a part of a commit, beside the group's home.
const commitPatience = 3 * time.Second

// askInTime asks a cluster for its part of a commit, and calls took with what came of it, or with COORDINATOR_NOT_AVAILABLE when that takes too
// long: the other clusters' offsets are kept, and a client that waits for its commit does not read. A cluster that owes the client the
// answer to an earlier commit is not asked: what comes later may not be done before it.
func (o *commitCall) askInTime(name string, g *groupRequest, took func(r kmsg.Response, code wire.ErrorCode)) {
	o.begin()
	owed := &o.Client.owed
	if owed.is(name) {
		took(nil, wire.CoordinatorNotAvailable)
		o.end()
		return
	}
	var r kmsg.Response
	code := wire.CoordinatorNotAvailable
	late := false
	o.soon(commitPatience, func(settle func(take func())) {
		g.ask(func(said kmsg.Response, saidCode wire.ErrorCode) {
			settle(func() { r, code = said, saidCode })
			o.locked(func() {
				if late {
					owed.add(name, -1)
				}
			})
		})
	}, func() {
		late = true
		owed.add(name, 1)
	}, func() {
		defer answerAfterPanic(o)
		if late {
			g.brokers.Doubt(target.Coordinator(g.group))
		}
		took(r, code)
		o.end()
	})
}

// owed is how many answers each cluster owes a client that has not waited for them. Any goroutine may use it.
type owed struct {
	mu  sync.Mutex
	the map[string]int
}

func (o *owed) is(cluster string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.the[cluster] > 0
}

func (o *owed) add(cluster string, n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.the == nil {
		o.the = map[string]int{}
	}
	o.the[cluster] += n
}
