// Package credential has the users of clusters that principals of clients are mapped to, and the file that says so. Nothing in here prints a
// password.
//
// Where the next line goes: what is in the file, parse.go; what is there now, and how it is followed, file.go.
package credential
