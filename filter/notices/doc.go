// Package notices tells of what happens to clients: what they are refused, why their connections are closed, and what they may have
// wanted that leave without a word.
//
//	notices.go  Notices, the way in: what happened is kept, and logged
//	words.go    what is said of each, and what to do about it
//	left.go     what may be said of those that left by themselves
//	lines.go    how often the log tells of the same: once a minute for each reason and software; the rest is summed up
//	recent.go   what is kept of the last of them, for those who look at a mesh
//
// Clients can have things happen to them as often as they like, and call themselves, and topics, what they like. So everything here has
// bounds that are constants: what is told apart is told apart by labels of package software and names that are ours.
package notices
