// Package health knows whether each upstream cluster can be reached, and since when.
//
// There is one Cluster for all workers of a configuration. It hears of every dial, through the client that it wraps; of what goes wrong
// on connections, from the lanes and from those who ask for metadata; and of what the cluster says of itself, from a monitor that asks it
// every few seconds on a connection of its own, with clients or without.
//
// Only the monitor decides whether the cluster can be reached: it can while one of its brokers answers for its metadata. What others
// meet has the monitor ask at once. A broker of a cluster that can be reached may be lost all the same; that is told apart.
//
// What is known is counted, logged once for all workers, and given to who shows it as a Snapshot. Errors are put in words without
// regard to which broker was tried first: one failure that is met at three addresses is one failure.
//
// Where the next line goes: what is known, and its moves, cluster.go; who watches, monitor.go; every dial, client.go; brokers that are
// lost, broker.go; certificates, certificate.go; errors in words, words.go; when something is said again, say.go.
package health
