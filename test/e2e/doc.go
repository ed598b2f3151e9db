// Package e2e holds the end-to-end tests: real Kafka clients, a real Envoy with our module, real Kafka clusters.
//
// Nothing here looks into the product: what a test needs to know it asks the network. Where it makes sense, the same
// checks also run against Kafka itself, with no mesh between, which proves the checks, and against `kafkamesh serve`.
package e2e
