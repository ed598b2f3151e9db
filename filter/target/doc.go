// Package target says which broker of a cluster is meant: by what it is to a topic, a group or the cluster. Who that is, package
// topology knows.
package target
