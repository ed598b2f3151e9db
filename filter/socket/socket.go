package socket

import "net"

// Socket is a connection whose calls do not wait. Any goroutine may call them, but one at a time writes.
type Socket interface { //nolint:interfacebloat // it is what a connection can do
	// TryWrite writes what it can of parts without waiting, and returns how many bytes that was; of what it encrypts the last may be on
	// its way yet. It tells no error: Send meets it too.
	TryWrite(parts [][]byte) (n int)
	// Send writes all of parts. They, and what they point to, must not change until Events.Written or Close.
	Send(parts [][]byte)
	// Unsent is how many bytes of the last Send have not been written yet, or a little more.
	Unsent() int
	// Pause has nothing be read, or has reading go on. Events.Readable may come once more.
	Pause(on bool)
	// CloseWrite says to the other end that nothing more will come.
	CloseWrite() error
	// Close closes the connection. No event comes any more when it returns, and nothing of a Send is read. It must not be called from an
	// event.
	Close()
}

// Events is who has a Socket. The calls come one after another, but for Written with Goroutines, and must not wait.
type Events interface {
	// Readable says that there is something to read, which it should do once.
	Readable(r Reader)
	// Written says that what was sent is written.
	Written()
	// Over says that no more will come because of err, which is io.EOF if the other end has said so; or that nothing more can be written.
	Over(err error)
}

// Reader reads once, without waiting. It is there during Events.Readable.
type Reader interface {
	// Next reads to a buffer of the watcher's, which is there until Readable returns. It may be empty.
	Next() []byte
	// Into reads to p, and returns how many bytes have come.
	Into(p []byte) (n int)
}

// Watcher looks after connections.
type Watcher interface {
	// Watch makes a Socket of conn, whose first event may come before it returns. closes closes conn and what belongs to it; it is called
	// once. Nobody else may use conn from now on. It returns nil, and has called nothing, if it cannot watch such a connection.
	Watch(conn net.Conn, closes func(), e Events) Socket
}
