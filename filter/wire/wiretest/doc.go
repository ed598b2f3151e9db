// Package wiretest makes the bytes that clients and brokers send, for the tests of every package that reads them.
//
// [Batch] describes a record batch and [Batch.Bytes] builds it; [Records] makes plain records for it. [Frame] is a whole
// request as a client sends it, [ResponseFrame] a whole response as a broker sends it; [ParseResponse] reads a response
// back with kmsg, as an independent reader.
//
// What cannot be built is a mistake in the test and panics.
package wiretest
