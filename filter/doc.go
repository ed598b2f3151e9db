// Package filter is the engine: it joins the facade that clients see with the upstream clusters behind it.
//
// A Filter is one configuration at work. A host makes one, asks it for a Session per client connection, pushes the
// client's bytes into the session and writes what the session hands to its Conn. The engine owns everything between:
// framing, the facade (package broker), and per worker a pool for each upstream cluster (package upstream).
//
// Where the next line goes: what hosts call of one client's connection, session.go; its bytes, from when they come until they are
// requests, input.go; what becomes of a request, serve.go; the order of answers, inflight.go; what is done to the connection, and
// when it is read from, pump.go; when it is idle, idle.go. What the sessions of a worker share: how much may be in flight, budget.go,
// arrive, arrivals.go, and wait for clients that do not read, unread.go; who waits for others, turns.go. What a configuration becomes,
// filter.go; clusters that are tried before there is a client, probe.go, or have none, unreachable.go; what is logged of
// clients, report.go; how often garbage is collected, heap.go; what hosts provide, conn.go and package host.
package filter
