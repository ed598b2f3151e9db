// Package upstreamtest has a scripted Kafka cluster for tests of the upstream path: brokers that store what they are
// sent, know a producer's sequence numbers as Apache Kafka does, and stall, refuse, disconnect or move a partition when a
// test says so.
//
// Where the next line goes: what a cluster is, cluster.go; what can go wrong with it, faults.go; how it is reached, client.go;
// a broker's end of a connection, broker.go, and a bootstrap server's, metadata.go; what is stored and what is refused for its number,
// log.go.
package upstreamtest
