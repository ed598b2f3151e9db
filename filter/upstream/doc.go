// Package upstream produces to the brokers of one Kafka cluster.
//
// A Pool is one worker's way into one cluster. It knows the leader of each partition and hands record batches to that
// broker's lane. A lane is one connection with a queue before it: it writes Produce requests of our own, keeps several
// in flight, and matches the answers first in, first out. Batches are never opened and never sent twice: what fails is
// answered with an error code that makes the client, who owns order and sequence, retry.
//
// Order: a partition's batches pass through one lane at a time, in the order they were given to Produce. When a lane
// fails, everything on it fails, so that no later batch overtakes one that the client must send again.
//
// Coalescing: while the window of requests in flight is full, what comes queues up; then as much as fits leaves in one request,
// at most one batch of a partition. A thousand clients with small batches cost the broker what a few with large ones do.
//
// Where the next line goes: what a cluster is told to be, settings.go; which lane gets a batch, pool.go; what is known
// of topics and leaders, metadata.go and topic.go; the queue, lane.go; what shares a request, cargo.go; who writes it, write.go;
// the window and the answers of one connection, link.go.
package upstream
