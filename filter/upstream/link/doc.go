// Package link is one connection to a broker: dialled and logged in by a Dialer, pipelined, for any API.
//
// A Call is one request. It appends itself, takes its answer, or is told that there will be none. A broker answers in the order of the
// requests, so a Link matches answers with calls first in, first out. Whoever sends a call
// writes it, as far as the socket takes it at once; the host's thread, or a goroutine, writes the rest, and reads. A broker that owes an
// answer for too long is given up, and with it everything on the link: its answers
// come in order, so nothing behind it would be answered either.
//
// The link knows nothing of queues, windows or renewals: they are its owner's, who is told when there is room, and when it is over.
//
// Where the next line goes: what a broker is dialled to, dial.go; what a call and an owner are, call.go; the life of a link, link.go;
// reading, read.go; writing, write.go; time, watch.go; calls made of kmsg's requests, request.go.
package link
