// Package filter is the engine: it joins the facade that clients see with the upstream clusters behind it.
//
// A Filter is one configuration at work. A host makes one, asks it for a Session per client connection, pushes the
// client's bytes into the session and writes what the session hands to its Conn. The engine owns everything between:
// framing, the facade (package broker), and per worker a pool for each upstream cluster (package upstream).
//
// Where the next line goes: one client's connection, session.go; the order of its answers, inflight.go; how much may be
// in flight before reading pauses, budget.go; who does not read, unread.go; who waits for
// others, turns.go; what becomes of a request, serve.go; how often garbage is collected, heap.go; what a configuration becomes,
// filter.go; what hosts provide, conn.go and package host.
package filter
