// Package conformance holds the mesh to what a Kafka broker does: whatever a client may observe, in raw exchanges.
//
// A scenario sends requests, sound or broken, and notes what comes back in lines: answers, silence, the end of the
// connection. It runs against Apache Kafka, which is the oracle, and against the mesh in each of its hosts in front of
// the same Kafka. testdata/ has what Kafka shows, and what the mesh shows instead where it may differ. Where it differs
// and why is a list of names, in differences_test.go and in docs/protocol.md; a scenario that differs carries such a name,
// and one that carries a name must differ.
//
// A new scenario goes into the table of its API; then `go test ./test/conformance -update` writes testdata/ anew, to be
// read before it is committed.
package conformance
