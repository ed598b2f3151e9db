// Package upstreamtest has a scripted Kafka cluster for tests of the upstream path: brokers that store what they are
// sent, and that stall, refuse, disconnect or move a partition when a test says so.
package upstreamtest
