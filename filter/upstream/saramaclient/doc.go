// Package saramaclient reaches a Kafka cluster with sarama: it dials, negotiates versions, authenticates and asks for
// metadata. It is the only package that knows sarama.
//
// sarama has no public way to send a record batch that it did not encode itself, so a lane's connection is taken over:
// sarama dials through a hook of ours (Config.Net.Proxy.Dialer), speaks ApiVersions and SASL on the connection, and
// then never touches it again, because its reader only reads while one of its own requests waits. The lane owns the
// connection from there on. This leans on sarama's inside: its version is pinned, and the tests of this package are the
// contract.
//
// Where the next line goes: how sarama is configured, config.go; the take-over, takeover.go; metadata, metadata.go.
package saramaclient
