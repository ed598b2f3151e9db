// Package filter is the engine: it joins the facade that clients see with the upstream clusters behind it.
//
// A Filter is one configuration at work. A host makes one, asks it for a session per client connection (package session), pushes
// the client's bytes into the session and writes what the session hands to its Conn. Between the two are the facade (package
// broker) and, per worker, a pool for each upstream cluster (package upstream).
//
// Where the next line goes: what hosts call, filter.go; what a worker is made of, and what a configured cluster becomes, worker.go;
// what is counted, metrics.go; what is no worker's, shared.go; clusters that are watched, monitor.go, tried first, verify.go, or have no
// client, unreachable.go; how often garbage is collected, heap.go.
package filter
