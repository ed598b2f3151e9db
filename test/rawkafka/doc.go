// Package rawkafka is the Kafka client of tests that look at bytes. It sends exactly what it is told to, in any version, also what
// is no request, and asks nothing of its own accord.
//
// [Conn] is a connection that returns its errors. [Client] is one that fails its test, and also says how the other end must behave.
// [Frame], [Request] and [Framed] make what is sent; [ReadAnswer], [ReadFrame] and [Decode] read what comes back, from anywhere.
//
// The Go clients of test/matrix do without it: they are a module of their own, so that nothing here chooses their versions.
package rawkafka
