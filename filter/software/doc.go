// Package software knows what Kafka clients call themselves (KIP-511), and what they do when something that they need is not served.
//
// Names are the clients' to choose: what is counted, or remembered, by software is so by Label, of which there are few. To have one
// more of them told apart, add it to the table in known.go, with what test/matrix has seen it say.
package software
