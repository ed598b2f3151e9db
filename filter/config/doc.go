// Package config turns what a host was given, a KafkaMesh message as text or as bytes, into a checked Config.
//
// It opens no connection: Parse and New are functions from bytes or a message to a Config, or to an error that names every mistake by its
// place and its field's path and says what to write instead; the files that a configuration names are read. Whoever holds a Config need
// check nothing.
//
// Text is read into nodes with positions (package tree), checked against the message by names and types (shape.go; what to write
// instead is in advice.go), and made a message, which is checked by values (new.go and below). Both note what is wrong in the same
// mistakes; what is wrong only because something else is, is left out. What may be a secret is not shown: secret.go.
//
// Where the next line goes: a new field into proto/kafkamesh/v1/kafka_mesh.proto, Config and the file of its message
// (new.go, clusters.go, dial.go, rules.go, limits.go, admin.go, accesslog.go, topics.go, telemetry.go; tls and sasl in tls.go and security.go); a librdkafka property into the table in
// properties.go, one of Java's into java.go. Each is described in docs/configuration.md and has its messages in
// testdata/errors.golden; tests insist on both. A configuration that somebody got wrong is a file in testdata/cases.
package config
