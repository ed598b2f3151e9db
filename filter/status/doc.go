// Package status is what is told of meshes at one moment: plain structs, for the admin listener's page and its status.json.
//
//	status.go   a process, its meshes, their clusters, brokers and rules
//	clients.go  who is connected, who asked for what has no rule, who was disconnected or refused, and why
//	troubles.go consumer groups, who is throttled, which logins and handshakes fail
//	bound.go    how long names, texts and lists may be
//
// Who gathers a Mesh fills in what it knows and leaves the rest zero; package admin, which looks at metrics again and again, adds the
// Traffic. The names in JSON are an interface: they are added to, never changed.
package status
