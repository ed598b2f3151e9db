// Package robust holds the tests of what the facade withstands: peers that speak something else or lie, clients that are
// slow, silent or never read, brokers that stall, and what must never get to a client, the address of an upstream broker.
//
// The mesh runs in its real hosts, Envoy with our module and `kafkamesh serve`, in front of embedded clusters. A canary,
// another client of the same facade, produces all the time and must not notice.
package robust
