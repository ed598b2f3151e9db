// Package fetch reads partitions of one cluster for one client: Fetch requests to brokers, which answer when there is something, or when
// the client's patience is over. Each is a poll.
//
// A client's request for several brokers is answered with what is there first. The polls that have not been answered by then stay open,
// and are used for the client's next request, as far as that asks for the same. So a record is told of at once, wherever it is. A poll holds
// up its link; links are the client's own, and end with it.
//
// What brokers answer goes on as it came: records are neither opened nor copied.
//
// Where the next line goes: what a client asks for and what is ready of it, fetching.go; what is known of a partition, partition.go; who
// is polled for what, cover.go; links to brokers, line.go; one poll and its answer, poll.go and decode.go; what a broker need not be told
// again, session.go; what answers hold, room.go.
package fetch
