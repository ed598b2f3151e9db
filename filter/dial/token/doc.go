// Package token has what brokers are shown in a login by OAUTHBEARER, and shares one among all who log in with it.
//
// Who makes tokens says what it wants by Fetch: package dial asks servers and reads files, and the packages of clouds beside this one ask
// those.
//
// Where the next line goes: what a token is, token.go; when a new one is asked for, and who waits for it, shared.go.
package token
