// Package hosttest is what every host of the engine has to do, seen from its clients: bytes come in pieces of any size, answers
// leave in the order of the requests, and no client disturbs another. Each host runs the same suite.
package hosttest
