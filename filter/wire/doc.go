// Package wire turns bytes into Kafka messages and messages into bytes. It does no I/O and knows no clock: values in,
// values out.
//
// A client's bytes come in through a [Framer], which gives out whole frames. What they may ask for is a [Table]:
//
//	frame, rest, err := framer.Next(p)        // err is a *Violation: close the connection
//	h, body, err := table.ParseHeader(frame.Bytes())
//	switch h.Key {
//	case wire.KeyProduce:
//		req, err := wire.DecodeProduce(h.Version, body) // own code; records stay in the frame
//	default:
//		req, err := table.DecodeRequest(h, body)        // checked against its Shape, then read by kmsg
//	}
//
// Answers go out through [AppendResponse] and, for Produce, [AppendProduceResponse]. Towards the real brokers,
// [AppendProduceRequest] writes a Produce request around batches without copying them, and [DecodeProduceResponse]
// gives each batch its [Result].
//
// Every function that reads bytes from a peer checks a length against what remains before anything is allocated, and
// fails with a [Violation] and nothing else.
//
// Where the next line goes: what requests look like is generated from Kafka's own definitions, in testdata/definitions; a new one
// comes from the jar of Kafka's clients, which make kafka fetches:
//
//	go run ./cmd/internal/shapegen -jar .cache/kafka/4.3.1/libs/kafka-clients-4.3.1.jar ListOffsets
//
// What is served of them is package broker's to say. A new error code is a constant and a row in errorcode.go, and a case of
// Transient if what it says may pass; a new reason to close a connection a row in violation.go. How requests are checked is in shape.go,
// primitives are in primitives.go. Batches are opened by package record, never here.
package wire

//go:generate go run ../../cmd/internal/shapegen -wire .
