// Package metrics tries that the mesh counts what clients do, in each host.
//
// A test sends traffic of every kind and notes in a [book] what each metric has to come to: model_test.go says what a request counts
// as, traffic_test.go and the files beside it send. Then it reads what the host shows, in each of the ways that the host has, and
// compares every metric of the configuration. One that nobody expects anything of fails the test, and so does one that nothing has
// moved, unless still_test.go says why nothing can.
package metrics
