// Package tcp is the plain host: it serves Kafka mesh on an ordinary listener, without Envoy.
//
// A Server accepts connections and gives each a Session of the engine. One goroutine per connection reads and makes
// every call to the session, so that the calls never overlap; a second one runs while there is output to send. A
// connection without traffic holds no buffer.
//
// server.go accepts and stops, conn.go is what the session sees, loop.go makes the calls, socket.go reads.
package tcp
