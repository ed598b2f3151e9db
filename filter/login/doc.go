// Package login is the server's side of SASL: it has clients of the facade prove who they are, by PLAIN, SCRAM-SHA-256, SCRAM-SHA-512
// and OAUTHBEARER. Tokens go in and answers come out; it knows no connection and no session.
//
// A Server has what logins are checked against: a file of users, which has verifiers and never passwords, and the keys that an identity
// provider signs tokens with. It reads both again when they change. An Exchange is one login under way.
//
// What a client is told is worded as Kafka's broker words it, and is the same for a user that does not exist and for a wrong password.
// Nothing in here prints a secret.
//
// Where the next line goes: what a login is and what it comes to, login.go and failure.go; a mechanism, plain.go, scram.go or bearer.go;
// passwords that were right, memory.go; a user's verifiers, verifier.go, the file that has them, usersfile.go, and what is there now,
// users.go; users that do not exist, madeup.go; tokens, tokens.go, and the keys for them, keys.go and fetch.go; files that are replaced are
// package follower's; how long a failed login waits, limiter.go.
package login
