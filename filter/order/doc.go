// Package order keeps the order of what a client sent when some of it is refused.
//
// A client keeps several requests on their way. When a batch is refused for a state that passes ([wire.ErrorCode.Transient]), those that
// the client had sent behind it are still to come, and a broker that knows nothing of the producer takes any of them as its first. One
// broker would have refused them all: so does the facade. [Fences] remembers the first batch that was refused, and refuses what comes
// behind it until that batch comes again.
//
// Fences belong to one connection of one client. What that client sends on another connection begins with the first batch that
// it has no answer for, as it does after any lost connection; so nothing has to be shared between connections, workers or
// replicas, and what is remembered ends with the connection.
//
// The package is pure: it has no clock, lock or goroutine of its own.
package order
