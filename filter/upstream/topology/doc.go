// Package topology knows the brokers, topics and leaders of one cluster, and asks for them.
//
// One goroutine asks, on a link of its own to whichever broker answers: however many clients want metadata, one request is on its way.
// It does not end while the cluster fails. A cluster that takes its time holds nobody up for long: clients are answered from memory, and
// the owner is told not to wait.
//
// The owner is told all that is learned, by that one goroutine until the map is closed, so that it hears things in the order in which they
// happened. What it has asked about it is told in any case, be it that the cluster could not be asked: nothing has to wait for ever.
//
// Where the next line goes: what a map is and what is looked up in it, map.go; what clients ask, topics.go; the asking, ask.go; what the
// answers teach, learn.go; which broker is meant, target.go; the broker that is asked, guide.go.
package topology
