// Package follower reads files again when they change, as the file of users and the credentials of identities do, and tells what became of
// that. What was read last stays until something that is right can be read.
//
// Where the next line goes: whether a file is another, file.go; a goroutine that begins and ends again and again, loop.go; what is told, once
// for each change, teller.go; what is wrong with a file, mistakes.go; all of it together, follower.go.
package follower
