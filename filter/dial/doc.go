// Package dial makes connections to brokers: the socket, TLS on it, and what SASL says on it. It reads certificates, keys and
// passwords where the configuration says they are, each time anew, so that what is replaced there is used from then on.
//
// Nothing in here prints a secret: a Source says where one is.
//
// Where the next line goes: where secrets come from, source.go; what TLS is made of, tls.go and the names of its parts in
// names.go; what is wrong with it, problem.go; SASL, sasl.go and oauth.go; sockets, socket.go; what a failed connection means
// in words, explain.go.
package dial
