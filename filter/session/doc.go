// Package session is one client's connection without its I/O: a host pushes the client's bytes in, and answers leave through the
// Conn that the host lends, in the order of the requests.
//
// A Worker makes the sessions of one of the host's threads; what is behind them, the facade, is the Server that it declares. A
// request goes this way: Session.Data takes bytes (session.go), requests are cut out of them (input.go) and taken one after another
// while nothing forbids it (take.go), each gets its place in the order of answers (inflight.go) and is served (request.go). Its
// answer waits for those before it, and one goroutine at a time does to the connection whatever is due (pump.go), for one thing
// writes what has been collected (outgoing.go). What may not be taken yet is kept (kept.go).
//
// How far a connection's life has come, whether requests are taken, and whether the client reads are states with names and
// moves, phase.go. What the sessions of a worker may hold together is counted in three rooms: for requests in flight, budget.go;
// for requests that are still arriving, arrivals.go; for answers that clients do not read, unread.go. Who may not go on at once
// waits in turns.go, and who has done more than its quota in mute.go. What ends a session that does nothing is in idle.go, and what is done when its connection is gone in end.go;
// what the sessions of a worker share in worker.go, and those of a configuration in common.go; what a client has asked for and sent in
// usage.go, and who is connected in roster.go; what is told of clients, to the log and to package notices, in report.go; what a host
// provides in conn.go.
//
// A room is a type whose fields only its own file touches. test/arch sees to it.
package session
