// Package tcp is the plain host: it serves Kafka mesh on an ordinary listener, without Envoy.
//
// A Server accepts connections, deals them to the loops, and gives each a Session of the engine. The loop makes every call to the
// session, so that the calls never overlap. A connection without traffic holds no buffer.
//
// server.go accepts and stops, conn.go is one connection; handshake.go makes TLS of it, and names.go says who the client is then.
package tcp
