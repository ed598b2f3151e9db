// Package socket is a connection that nobody waits for.
//
// Whoever has a Socket is told, by Events, when there is something to read and when what it sent is written. A Watcher makes one of a
// connection that somebody else has dialled or accepted, and makes those calls: a host's event loop with a Poller, on the thread that
// serves the clients of a worker too, or Goroutines, which has two for each connection and works with any.
//
// socket.go says what a socket is; goroutines.go is the one with goroutines, raw.go writes for it without waiting. poller_linux.go asks
// the kernel which sockets are ready (epoll), polled_linux.go is one of those, and system_linux.go reads and writes it. encrypted.go has
// TLS on another socket, and plug.go is what TLS is made on so that it can. unread_linux.go asks the kernel what the peer of a connection
// has not taken, which somebody else may have.
package socket
