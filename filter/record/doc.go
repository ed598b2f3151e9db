// Package record opens record batches: the unit that producers send and brokers store (KIP-98). Bytes in, values or bytes
// out; nothing that comes in is kept or changed.
//
// [Check] says whether a batch may go upstream together with other clients' batches, and if not, what a broker would
// answer. Records stay closed: what a broker checks record by record, and the CRC, is left to it.
//
// [Converter] makes such a batch of the message sets of magic 0 and 1 that producers sent before (Produce 0 to 2). It is
// the one place where records are opened.
//
// The files: header.go and builder.go read and write batches, check.go judges them; message.go reads messages, convert.go
// turns them into a batch, compress.go and lz4.go know the codecs and how Kafka frames them.
package record
