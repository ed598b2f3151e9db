// Package loop is a thread of the plain binary: one goroutine that has the sockets of clients and brokers, and all that comes of them.
//
// What is ready at the same time is an iteration. Its events are handled one after another, and what they would write waits in the loop's cork
// until the end of the iteration: so one write for each connection carries all that the iteration has made. Nothing in an iteration may wait.
//
// loop.go has the iterations; a socket.Poller tells what is ready. relay.go is for what is no socket, and for systems without epoll.
package loop
