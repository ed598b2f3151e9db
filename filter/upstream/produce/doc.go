// Package produce sends record batches to the leaders of their partitions, in order and many in one request.
//
// A Pool is one worker's lanes into one cluster. It gives each batch to a lane of its partition's leader: the first, or a spare one if it
// would wait there for others of its partition. A lane is a queue before one connection to one broker: it takes from the queue what fits
// into a request, the cargo, and keeps several cargoes in flight. Batches are
// never opened and never sent twice: what fails is answered with an error code that makes the client, who owns order and sequence,
// retry.
//
// Order: what one client's connection sends to a partition passes through one lane at a time, in the order in which it was given to
// Produce. A lane has one sender at a time, and uses a connection only when everything on the one before has been answered or has
// failed. A batch that is refused for a state that passes raises a fence (package order): what its client had sent behind it is refused
// too, also what is queued already, until it comes again. Behind the first batch of a producer nothing is sent before its result is
// there.
//
// Coalescing: while the window of requests in flight is full, what comes queues up; then as much as fits leaves in one request,
// at most one batch of a partition. A thousand clients with small batches cost the broker what a few with large ones do.
//
// One mutex guards it all: which lane a batch goes to and its place in that lane's queue must be decided in one step, or two batches of a
// partition could change places. It is held for memory work only, and never together with the mutex of a link or of the topology: what
// these are to be told waits until it is free.
//
// Where the next line goes: what a pool is, its calls and their times, pool.go and settings.go; which lane gets a batch, place.go; what
// becomes of the batches of one call, dispatch.go; what a lane gets of them, share.go; what a result means, conclude.go; what is refused
// behind another, purge.go; what the topology tells, learn.go, of a topic, topic.go; a partition, and what keeps its order, partition.go;
// the queue and who sends from it, lane.go; what leaves in one request, cargo.go; a lane's connection, its end and its successor,
// connection.go.
package produce
