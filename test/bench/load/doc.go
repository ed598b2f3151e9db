// Package load has the clients of the benchmark: a job says what they do, and a result how fast it went.
//
// Clients that write: franz-go producers, which make batches of records as applications do, and bare connections that write
// frames made beforehand, for a thousand clients or an exact rate at little cost of their own. Clients that read, on bare connections too, so that what they
// cost is little: as fast as they can, behind a producer, or in vain. And idle connections.
package load
