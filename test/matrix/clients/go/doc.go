// Program go holds the client matrix's producers that are written in Go: franz-go, sarama's two, kafka-go, and raw clients
// that speak the Produce versions of brokers before 0.11. It is a module of its own, so that what it needs stays out of
// the product's go.mod.
//
//	go CLIENT BOOTSTRAP TOPIC,TOPIC COUNT SETTING...
//
// What follows CLIENT, and the output, is the same for all clients of the matrix: see test/matrix/doc.go. What the records
// hold is said in test/matrix/content_test.go.
package main
