// Package simulation runs the whole path of a batch, from a client's bytes to a cluster's log and back, in fake time, under faults
// that are drawn from a seed.
//
// Everything between a client's socket and a broker's is real: sessions, facade, lanes and links of two workers. The clusters are those of
// upstreamtest. The clients are models of how Java's producer and librdkafka retry, written against the protocol. Each keeps
// several requests on their way; what it reads has been on its way for a while too. At the end package ledger compares what
// clients were told with what the logs hold.
//
// All that a run does by chance follows from its seed: who the clients are, when they send, what goes wrong when. What happens at
// different times happens in the same order each time. What two goroutines do at the same instant is up to Go, so a seed may have
// to be run a few times to show the same again.
//
// Groups are played apart (groups.go): members of both protocols (member.go, member_classic.go, member_consumer.go, member_offsets.go) of
// groups that the clusters keep by Kafka's rules (coordinator.go, classic_group.go, classic_requests.go, consumer_group.go, offsets.go)
// read through two proxies; what goes wrong is in mishaps.go, and what is made of it in groups_judge.go.
//
// Where the next line goes: what can go wrong, schedule.go and strike.go; the order of events, timeline.go; a run from beginning
// to end, run.go; who reads, and how, gather.go, reader.go and reader_link.go; who the clients are, populate.go and nature.go; how they send and retry, client.go, link.go and writer.go; connections
// to the mesh, tube.go, and to the brokers themselves, direct.go; what is made of it in the end, judge.go.
package simulation
