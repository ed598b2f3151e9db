// Package abi is the border between Envoy and Go: C that Envoy calls, and the only Go that may import "C".
//
//	envoy_abi.h         what we use of Envoy's ABI, checked against Envoy's own header by TestDeclarations
//	module.c            loading and logging
//	config.c            one configuration
//	metrics.c           what it counts, published without crossing into Go
//	conn.c, worker.c    one connection: what goroutines call, what its worker thread calls
//	iteration.c, waker.c    what connections of one worker share: its iterations, and the thread that wakes it for sockets of ours
//	ending.c            what Envoy's access log is told of a connection that ends
//	hooks.go            what C calls in Go: finds the object behind a handle, calls it, stops every panic
//	module.go           what a module written in Go is made of: Register, Filter, Session
//	iteration.go            what it does on a worker beside its sessions: Thread
//	publish.go          what has metrics published without a client
//	config.go conn.go ending.go log.go   what it may call in turn
//
// Every trap of the ABI is dealt with on this side, beside a comment that says where it was seen, so that package
// dynamic is plain Go. New code belongs here only if it calls or is called by Envoy.
//
// It imports nothing of ours.
package abi
