// Package upstream produces to the brokers of one Kafka cluster.
//
// A Pool is one worker's way into one cluster. It knows the leader of each partition and hands record batches to that
// broker's lane. A lane is one connection with a queue before it: it writes Produce requests of our own, keeps several
// in flight, and matches the answers first in, first out. Batches are never opened and never sent twice: what fails is
// answered with an error code that makes the client, who owns order and sequence, retry.
//
// Order: what one client's connection sends to a partition passes through one lane at a time, in the order in which it was given to
// Produce. When a connection to a broker fails, everything on it fails. A batch that is refused for a state that passes raises a
// fence (package order): what its client had sent behind it is refused too, also what is queued already, until it comes again.
//
// Coalescing: while the window of requests in flight is full, what comes queues up; then as much as fits leaves in one request,
// at most one batch of a partition. A thousand clients with small batches cost the broker what a few with large ones do.
//
// Where the next line goes: what a cluster is told to be, settings.go; calls and their times, pool.go; which lane gets a batch, and
// what its result means, place.go; what becomes of the batches of one call, dispatch.go; what a lane gets of them, share.go; what is
// refused behind another, purge.go; how the cluster is asked, metadata.go and refresh.go; what is known of a topic, topic.go; the
// queue, lane.go; what shares a request, cargo.go; who writes it, write.go; the window and the answers of one connection, link.go;
// goroutines, and what a panic costs, guard.go.
package upstream
