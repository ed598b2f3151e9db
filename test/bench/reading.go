package main

import "github.com/kafkamesh/envoy-kafka-mesh/test/bench/load"

// Names of scenarios of reading.
const (
	oneReads      = "1 consumer, 1 MiB batches"
	follows       = "produce to fetch, 200 records a second"
	followsTwo    = follows + ", 2 clusters"
	waits         = "1000 waiting consumers"
	members       = "1000 consumers, each in a group of its own"
	wide          = "1 consumer of 1000 partitions, 16 KiB batches"
	followsWide   = "produce to fetch, 200 records a second, 1000 partitions"
	widePartition = 1000
)

// Consumers that wait: how many they become, and from how many on their memory is reckoned.
const fewWaiting, manyWaiting = 100, 1100

// readingScenarios are those of consumers.
func readingScenarios() []scenario {
	return []scenario{
		{Name: oneReads, Sink: rawSink, Job: reads(1, large), quick: true},
		{Name: "16 consumers, 16 KiB batches", Sink: rawSink, Job: reads(16, small)},
		{Name: "16 consumers, 16 KiB batches, 3 clusters", Sink: rawSink, Clusters: 3, Job: reads(16, small)},
		{Name: oneReads, Sink: kafkaBroker, Job: consumes(large, 6)},
		{Name: follows, Sink: kafkaBroker, Times: 2, Job: following(6)},
		{Name: followsTwo, Sink: kafkaBroker, Times: 2, Clusters: 2, Job: following(6)},
		{Name: wide, Sink: kafkaBroker, Job: inSessions(consumes(small, widePartition), large)},
		{Name: followsWide, Sink: kafkaBroker, Times: 2, Job: inSessions(following(widePartition), 0)},
		{Name: waits, Sink: kafkaBroker, Idle: true, Few: fewWaiting, Job: waiting(load.Waits)},
		{Name: members, Sink: kafkaBroker, Idle: true, Few: fewWaiting, Job: waiting(load.Members)},
	}
}

// reads are consumers that ask for one batch after another.
func reads(clients, batch int) load.Job {
	return load.Job{Client: load.Reads, Clients: clients, BatchBytes: batch, RecordBytes: 1 << 10, Acks: -1, Partitions: 6}
}

// consumes is a consumer that reads all partitions of a topic.
func consumes(batch int, partitions int32) load.Job {
	return load.Job{Client: load.Consumes, Clients: 1, BatchBytes: batch, RecordBytes: 1 << 10, Acks: -1, Partitions: partitions}
}

// following is a consumer that waits for what one producer sends.
func following(partitions int32) load.Job {
	return load.Job{
		Client: load.Follows, Clients: 1, BatchBytes: single, RecordBytes: single, Acks: -1, InFlight: 1, Rate: 200, Partitions: partitions,
	}
}

// inSessions has consumers ask for sessions, and for answers of a size; 0: of any.
func inSessions(j load.Job, fetchBytes int) load.Job {
	j.Sessions, j.FetchBytes = true, fetchBytes
	return j
}

// waiting are consumers that wait for what nobody sends.
func waiting(client string) load.Job {
	return load.Job{Client: client, Clients: manyWaiting, BatchBytes: single, RecordBytes: single, Acks: -1, Partitions: 6}
}

// reads says whether the clients of a scenario read.
func (s *scenario) reads() bool {
	switch s.Job.Client {
	case load.Reads, load.Consumes, load.Follows, load.Waits, load.Members:
		return true
	default:
		return false
	}
}
