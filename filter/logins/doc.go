// Package logins has clients of the facade log in by the mechanisms of package login: it says which of them a client may choose, and has
// its tokens looked at. What takes milliseconds is done by a few goroutines of its own, which end when nothing is to be done, one token after
// the other, of one network after the other; what waits for them is bounded, also of one network, and gives its place back when its client is
// gone. What is no work, such as a password that is remembered, is looked at at once. How long a failed login waits for its answer,
// and what is said of it, is decided here too.
package logins
