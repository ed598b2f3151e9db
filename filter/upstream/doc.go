// Package upstream is one worker's way into one Kafka cluster.
//
// A Cluster is what the facade and a filter see. What is inside is in packages of its own, each with a mutex of its own: produce has the
// lanes, which keep order and put the batches of many clients into one request; topology asks for topics and leaders; link is one
// connection to a broker, for any API; guard stops panics. Package saramaclient dials and logs in; upstreamtest plays a cluster in tests.
//
// Where the next line goes: what a cluster is told to be, and what its parts are told of that, settings.go; what it does, cluster.go; links of
// a caller's own, open.go; single requests to a broker, call.go.
package upstream
