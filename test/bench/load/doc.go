// Package load has the clients of the benchmark: a job says what they do, and a result how fast it went.
//
// Two kinds of clients: franz-go producers, which make batches of records as applications do; and bare connections that write
// frames made beforehand, for a thousand clients or an exact rate at little cost of their own.
package load
