package filter

import (
	"log/slog"
	"sync"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/broker"
)

// maxUneven is how many topics are remembered that the log has told of. Of more it tells nothing.
const maxUneven = 1000

// uneven are topics that have not as many partitions where they are written as where they are read. Any goroutine may use it.
type uneven struct {
	log *slog.Logger

	mu   sync.Mutex
	told map[string]struct{}
}

// tell says so in the log, once for each topic.
func (u *uneven) tell(t broker.Uneven) {
	if !u.first(t.Topic) {
		return
	}
	what := "a topic has more partitions where it is written than where it is read; producers use no more than those"
	if t.ReadHas > t.WrittenHas {
		what = "a topic has fewer partitions where it is written than where it is read; what producers send to the others is refused: add partitions"
	}
	u.log.Warn(what, "topic", t.Topic, "written_on", t.Written, "written_partitions", t.WrittenHas, "read_on", t.Read, "read_partitions", t.ReadHas)
}

// first reports whether the topic has not been told of.
func (u *uneven) first(topic string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if _, known := u.told[topic]; known || len(u.told) == maxUneven {
		return false
	}
	if u.told == nil {
		u.told = map[string]struct{}{}
	}
	u.told[topic] = struct{}{}
	return true
}
