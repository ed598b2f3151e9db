// Package wire turns bytes into Kafka messages and messages into bytes. It does no I/O and knows no clock: values in,
// values out.
//
// A client's bytes come in through a [Framer], which gives out whole frames:
//
//	frame, rest, err := framer.Next(p)        // err is a *Violation: close the connection
//	h, body, err := wire.ParseHeader(frame.Bytes())
//	switch h.Key {
//	case wire.KeyProduce:
//		req, err := wire.DecodeProduce(h.Version, body) // own code; records stay in the frame
//	default:
//		req, err := wire.DecodeRequest(h, body)         // checked here, then read by kmsg
//	}
//
// Answers go out through [AppendResponse] and, for Produce, [AppendProduceResponse]. Towards the real brokers,
// [AppendProduceRequest] writes a Produce request around batches without copying them, and [DecodeProduceResponse]
// gives each batch its [Result].
//
// Every function that reads bytes from a peer checks a length against what remains before anything is allocated, and
// fails with a [Violation] and nothing else. What is served, in which versions, is the table in api.go; the reasons are
// in docs/protocol.md, which a test compares with the table.
//
// Where the next line goes: a new API is a row in api.go and a shape in request.go; a new error code a row in
// errorcode.go; a new reason to close a connection a row in violation.go. Batches themselves are opened by package
// record, never here.
package wire
