// Package accesslog writes a line of JSON for each request of a client that is chosen: who asked for what, what came of it, and how
// long each part of that took.
//
//	entry.go    Entry: what is told of one request, and the line that it becomes
//	json.go     how a line's parts are written; what a client has named is clipped and escaped
//	choice.go   Choice: which requests are told of
//	log.go      Log: the lines of one configuration, which wait in memory to be written
//	writers.go  Writers: who writes to which file, one for each in a process
//	writer.go   the goroutine that writes to one file
//	file.go     the file itself, opened again when it was renamed or removed
//
// Whoever has a request answered never waits for a disk: a line that finds no room is dropped, and counted.
//
// The names of a line's fields are an interface: programs read them. They are added to, never changed. Fields lists them, and
// docs/access-log.md is rewritten from it by
//
//	go test ./filter/accesslog -update
package accesslog
