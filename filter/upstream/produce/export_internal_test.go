package produce

import (
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// SendTooLate sends a batch on a connection to a broker that has just ended, which nobody has been told of.
func (p *Pool) SendTooLate(b *wire.Batch) error {
	p.mu.Lock()
	defer p.unlock()
	c := newLane(p, laneKey{1, 0}, "1").dial()
	c.link.Close(errClosed)
	s := &share{produce: &produce{now: time.Now()}, batches: []*wire.Batch{b}}
	return c.send(&cargo{shares: []*share{s}, batches: s.batches, bytes: int64(len(b.Records))})
}

// Remembered is how many topics the pool knows something of.
func (p *Pool) Remembered() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.topics)
}
