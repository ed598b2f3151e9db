package produce

import "github.com/kafkamesh/envoy-kafka-mesh/filter/wire"

// Snapshot is what a pool has at one moment. It is the caller's, but for what is in the topics, which nobody changes.
type Snapshot struct {
	Lanes []LaneSnapshot
	// Topics are those in use whose leaders are known.
	Topics []wire.Topic
}

// LaneSnapshot is what there is to one broker. Several lanes may be to the same.
type LaneSnapshot struct {
	Node int32
	// Connected and Connecting say whether there is a connection, or one is being made; Down that the last one failed, and that batches
	// are refused until the next may be tried.
	Connected, Connecting, Down bool
	// InFlight are requests without an answer, Queued the shares that wait to be sent, and QueuedBytes the length of their batches.
	InFlight, Queued int
	QueuedBytes      int64
}

// Snapshot returns what the pool has now. It is for those who look at a mesh: it copies no partitions while it holds the mutex.
func (p *Pool) Snapshot() (s Snapshot) {
	p.locked(func() {
		s.Lanes = make([]LaneSnapshot, 0, len(p.lanes))
		for _, l := range p.lanes {
			s.Lanes = append(s.Lanes, l.snapshot())
		}
		s.Topics = make([]wire.Topic, 0, len(p.topics))
		for _, t := range p.topics {
			if t.known {
				s.Topics = append(s.Topics, t.meta)
			}
		}
	})
	return s
}

// snapshot is what the lane has. The mutex is held.
func (l *lane) snapshot() LaneSnapshot {
	s := LaneSnapshot{Node: l.node, Down: l.isDown(), Queued: len(l.queue), QueuedBytes: l.queued}
	if c := l.current; c != nil {
		s.InFlight = c.inFlight
		s.Connecting, s.Connected = c.state == dialling, c.connected
	}
	return s
}
