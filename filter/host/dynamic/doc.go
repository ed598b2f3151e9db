// Package dynamic is the host for Envoy's dynamic modules: it joins a filter.Filter to a connection filter of stock
// Envoy, envoy.filters.network.dynamic_modules, 1.38 or newer.
//
//	filter.go   one configuration: parse it, log what is wrong with it, define its metrics, make its sessions
//	thread.go   our part in one of Envoy's workers: iterations, in which the connections to brokers are read
//	log.go      slog to Envoy's log
//
// It is plain Go. Threads, life cycles and everything that can crash Envoy are dealt with in package abi below it; a
// session's Conn is an *abi.Conn. Envoy gives this host all that the engine can use: workers, back-pressure both ways,
// half close, metrics, the client's SNI, and a way to refuse a configuration.
package dynamic
