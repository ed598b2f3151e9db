// Package admin shows what is known of a process's meshes to who is on call: a page, metrics for Prometheus, health and readiness.
//
// A Board has the meshes of a process, which join it as Sources, and looks at their metrics every five seconds, so that rates and
// the charts of the last minutes need nobody else. A Server answers HTTP from a Board at one address; Places gives the meshes of a
// process that ask for the same address one Server. Nothing here is on the way of a request, waits for a worker, or may end the process:
// every goroutine is guarded, connections are few, and what a request can cost is bounded.
//
//	board.go      the meshes; gather.go: what is told of them now
//	history.go    the last ten minutes of a mesh: rates, latencies, points of charts
//	failures.go   which logins and handshakes have failed in that time
//	problems.go   what is wrong, in words
//	ready.go      who is ready, and why not
//	server.go     HTTP at an address, and its limits; listen.go: few connections; places.go: one server for an address
//	routes.go     paths, and what is answered on them; metrics.go: Prometheus; log.go: the level; text.go: the page for terminals
//	page.go       the page: page.gohtml, page.css and page.js; view.go, clusterview.go and troubleview.go: its words; chart.go: its charts
package admin
