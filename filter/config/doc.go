// Package config turns what a host was given, a KafkaMesh message as text or as bytes, into a checked Config.
//
// It does no I/O and knows no clock: Parse and New are functions from bytes or a message to a Config, or to an error that
// names every mistake by its field's path and says what to write instead. Whoever holds a Config need check nothing.
//
// Where the next line goes: a new field into proto/kafkamesh/v1/kafka_mesh.proto, Config and the file of its message
// (new.go, clusters.go, rules.go, limits.go; tls and sasl in security.go); a librdkafka property into the table in
// properties.go; how text is read into text.go, names and types into shape.go. Each is described in docs/configuration.md and
// has its messages in testdata/errors.golden; tests insist on both.
package config
