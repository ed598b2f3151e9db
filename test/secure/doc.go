// Package secure has the mesh reach Apache Kafka as real clusters are reached: with TLS, client certificates and every login.
// Brokers hold what they would in production; certificates and tokens are made by the tests.
package secure
