package simulation

import (
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// nature is how a client behaves.
type nature struct {
	name string
	acks int16
	// numbered: its batches have a producer id and sequence numbers.
	numbered bool
	// stepwise: what is retried is sent alone, and what follows when it is stored (RecordAccumulator.java,
	// shouldStopDrainBatchesForPartition). Otherwise all is sent in its order, as soon as the first may be (librdkafka).
	stepwise bool
	// careless: it sends what is new while what will have to be sent before it is still on its way, and so makes gaps itself.
	careless bool
	// patience is how long a batch is tried. Zero: for ever.
	patience time.Duration
	// timeout is how long an answer is waited for; then the connection is closed.
	timeout time.Duration
	// asks is what it asks brokers for: to give up after so many milliseconds.
	asks int32
}

// natures are those that clients are drawn from.
func natures() []nature {
	const java, librdkafka = 30 * time.Second, 60 * time.Second
	return []nature{
		{name: "java", acks: -1, numbered: true, stepwise: true, timeout: java},
		{name: "librdkafka", acks: -1, numbered: true, timeout: librdkafka},
		{name: "hasty java", acks: -1, numbered: true, stepwise: true, timeout: 5 * time.Second},
		{name: "hasty librdkafka", acks: -1, numbered: true, careless: true, timeout: 5 * time.Second},
		{name: "java that gives up", acks: -1, numbered: true, stepwise: true, timeout: java, patience: 2 * time.Second},
		{name: "unnumbered", acks: -1, timeout: librdkafka},
		{name: "acks 1", acks: 1, timeout: librdkafka},
		{name: "acks 0", acks: 0, timeout: librdkafka},
	}
}

const (
	// due is how long the mesh may take for an answer: its own request timeout, which is longer than most clients', and a little.
	due = 35 * time.Second
	// pipeline is how many requests a client has on their way on one connection, as Java and librdkafka when they number.
	pipeline = 5
	// minRetry and maxRetry bound the pause before a batch is sent again (retry.backoff.ms, retry.backoff.max.ms).
	minRetry = 100 * time.Millisecond
	maxRetry = time.Second
)

// retriable says whether clients send a batch again that got this answer.
func retriable(code wire.ErrorCode) bool {
	switch code {
	case wire.CorruptMessage, wire.UnknownTopicOrPartition, wire.LeaderNotAvailable, wire.NotLeaderOrFollower, wire.RequestTimedOut,
		wire.NotEnoughReplicas, wire.NotEnoughReplicasAfterAppend, wire.KafkaStorageError:
		return true
	default:
		return false
	}
}

// disproves says whether such an answer makes a client ask for metadata.
func disproves(code wire.ErrorCode) bool {
	switch code {
	case wire.UnknownTopicOrPartition, wire.LeaderNotAvailable, wire.NotLeaderOrFollower, wire.KafkaStorageError:
		return true
	default:
		return false
	}
}
