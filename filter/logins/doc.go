// Package logins has clients of the facade log in by the mechanisms of package login: it says which of them a client may choose, and has
// its tokens looked at. What takes milliseconds is done by a few goroutines of its own, which end when nothing is to be done, one token after
// the other; what waits for them is bounded, and gives its place back when its client is gone. How long a failed login waits for its answer,
// and what is said of it, is decided here too.
package logins
