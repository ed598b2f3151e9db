// Package saramaclient dials the brokers of a Kafka cluster with sarama, which negotiates versions and logs in. It is the only package
// that knows sarama.
//
// sarama has no public way to send what it did not encode itself, so its connection is taken over: sarama dials through a hook of ours
// (Config.Net.Proxy.Dialer), speaks ApiVersions and SASL on the connection, and then never touches it again, because its reader only
// reads while one of its own requests waits. A link owns the connection from there on. This leans on sarama's inside: its version is
// pinned, and the tests of this package are the contract.
//
// Where the next line goes: connecting and what went wrong with it, client.go; how sarama is configured, config.go; the take-over,
// takeover.go; what is replaced while we run, rotation.go; when a login ends, witness.go; panics, guard.go.
package saramaclient
