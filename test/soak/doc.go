// Package soak has Envoy with our module and the plain binary work for as long as it is told, under a steady and moderate load that is
// verified, and shows that neither grows: goroutines, heap, descriptors, threads and resident memory are sampled, and the slope of
// each is compared with a bound.
//
// SOAK_TIME=2h says how long (`make soak`). build/out/soak.tsv gets the samples as they come, build/out/soak.md the tables in the end.
// SOAK_RACE=1 has the plain binary alone, built with the race detector; its files are soak-race.*. Without SOAK_TIME the load lasts
// for some seconds, which shows that it is verified and that samples can be had: nothing is judged and nothing left.
//
// Writers write, readers read what they wrote straight from the clusters, visitors come and go (most of them are those of test/churn),
// and samples are taken of each mesh. Unlike test/ledger, which compares whole logs when all is over, what is told and what is stored are
// compared at once, so that no record is remembered. Another kind of visitor is a line in strangers; another thing to measure is a line
// in measures.
package soak
