// Command demo is what `make demo` runs: Envoy with the envoy.yaml at the top of the repository, and three Kafka clusters
// behind it. It sends a few records through Envoy, shows in which cluster each of them is, prints a line that begins with
// READY, and serves until it is interrupted.
//
// The clusters are embedded ones; with DEMO_KAFKA=real they are Apache Kafka. With DEMO_ONCE=1 it ends after READY.
package main
