// Package load has the clients of the benchmark: a job says what they do, and a result how fast it went.
//
// Three kinds of clients: franz-go producers, which make batches of records as applications do; bare connections that write
// frames made beforehand, for a thousand clients or an exact rate at little cost of their own; and idle connections.
package load
