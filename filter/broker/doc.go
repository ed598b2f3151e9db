// Package broker is the facade: what a client sees when it takes Envoy for one Kafka broker.
//
// Broker.Serve answers one request, a Call, through the Reply that its session gave it. Each API has a file, named by its key, that
// says which versions are served, what is answered, how that differs from a real broker, and how its requests count. What a request
// needs from the clusters behind the facade comes through the Cluster interface, by callback: nothing here waits, locks or does I/O.
//
// A mistake that a real broker would answer with an error code is answered with that code. A request that a broker
// would close the connection for is an error of Serve.
//
// A new API is a definition for package wire, a file like the others, and its function's name in APIs; toy_test.go shows one. The
// table of versions in docs/protocol.md is rewritten by
//
//	go test ./filter/broker -update
package broker
