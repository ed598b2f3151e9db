// Package broker is the facade: what a client sees when it takes Envoy for one Kafka broker.
//
// Broker.Serve answers one request, a Call, through the Reply that its session gave it. Each API has a file, named by its key, that
// says which versions are served, what is answered, how that differs from a real broker, and how its requests count. What a request
// needs from the clusters behind the facade comes through the Cluster interface, by callback: nothing here waits, locks or does I/O.
//
// A mistake that a real broker would answer with an error code is answered with that code. A request that a broker
// would close the connection for is an error of Serve.
//
// What a client may not do, by the rules of Broker.Authorize, is answered before any cluster is asked: each API asks Broker.may for what a
// request names, and Broker.sees for what an answer would show (authorize.go). A row of authorize_test.go says what each API asks for.
//
// A new API is a definition for package wire, a file like the others, and its function's name in APIs, in the order of the keys;
// toy_test.go shows one. Tests then ask for the rest: its most hostile request and what that may cost (cost_test.go, and the table in
// docs/protocol.md), and what clients see of it beside a real broker (test/conformance). Tables in the documents are rewritten by
//
//	go test ./filter/broker ./filter/stats -update
package broker
