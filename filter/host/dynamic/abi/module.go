package abi

import "sync/atomic"

// Module makes a Filter of the configuration that Envoy hands to the filter called name. It defines its metrics through
// c, which is good only until it returns. An error refuses the configuration; Envoy cannot be told why, so Module logs
// the reason. Envoy's main thread calls it, one configuration at a time.
type Module func(c *Config, name string, raw []byte) (Filter, error)

// Filter is one configuration.
type Filter interface {
	// NewSession starts a session for a client whose connection c belongs to a worker. Workers call it, several at a time.
	NewSession(worker int, p Peer, c *Conn) Session
	// Served says that Envoy is at work with the configuration, and does not only look at it. The main thread calls it, once, before Close.
	Served()
	// Replaced says that no more clients come: the listener has another configuration, or is gone. Only the bootstrap extension knows. The
	// main thread calls it, once at most, before Close.
	Replaced()
	// Close ends what the filter has running. It may take its time: it has a goroutine of its own.
	Close()
	// Panicked is told of each panic in NewSession, a Session, Served, Replaced or Close. The connection, if any, is being closed.
	Panicked(reason any, stack []byte)
}

// Session is one connection, seen from its worker, which calls one method at a time.
type Session interface { //nolint:interfacebloat // all that can happen to a connection
	// Data takes bytes of the client. It does not keep p, which is Envoy's memory.
	Data(p []byte)
	// DataMore is Data with more to follow at once, the last of it by Data.
	DataMore(p []byte)
	// Certified says, before the first Data, what is in the certificate that the client has shown Envoy: the first of its names as URI and for
	// DNS, and its subject. All is empty if it has shown none. It is for connections with TLS.
	Certified(uri, dns, subject string)
	// End says that the client sent FIN.
	End()
	// HungUp says, before Closed, that it is Envoy that has ended the connection.
	HungUp()
	// Congested says that what was written piles up in Envoy, or no longer does.
	Congested(on bool)
	// Closed is the last call, made exactly once. It comes from a goroutine if an earlier call panicked.
	Closed()
}

// Peer is who is at the other end of a connection. Empty fields are unknown.
type Peer struct {
	RemoteHost string
	RemotePort int
	// LocalHost and LocalPort are the address that the client dialled: Envoy restores it where a redirect hid it.
	LocalHost string
	LocalPort int
	// ServerName is the SNI. Envoy knows it only if the listener has a tls_inspector.
	ServerName string
	// Encrypted says that the client speaks TLS to Envoy.
	Encrypted bool
}

// Register says what the shared library is, and what makes its part in each of Envoy's workers. Call it in an init of
// the main package: Envoy's first call comes after it.
func Register(m Module, threads func(worker int) Thread) {
	ofWorkers.threads = threads
	module.Store(&m)
}

// module is a global because Envoy finds hooks by name: nothing of ours is on the stack when it calls the first one.
//
//nolint:gochecknoglobals // see above
var module atomic.Pointer[Module]
