// Package broker is the facade: what a client sees when it takes Envoy for one Kafka broker.
//
// Broker.Serve answers one request. Each API has a file, named by its key, that says which versions are served, what is
// answered, and how that differs from a real broker. What a request needs from the clusters behind the facade comes
// through the Cluster interface, by callback: nothing here waits, locks or does I/O.
//
// A mistake that a real broker would answer with an error code is answered with that code. A request that a broker
// would close the connection for is an error of Serve.
package broker
