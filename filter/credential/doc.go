// Package credential has who principals of clients are to a cluster, the file that says so, and how the cluster is reached as each of them.
// Nothing in here prints a secret.
//
// Where the next line goes: what is in the file, parse.go; what a line is for a cluster, and what is wrong with the files that it names,
// login.go; what is there now, and how it is followed, file.go.
package credential
