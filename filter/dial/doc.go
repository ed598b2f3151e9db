// Package dial makes connections to brokers: the socket, TLS on it, and what SASL says on it. It reads certificates, keys and
// passwords where the configuration says they are, each time anew, so that what is replaced there is used from then on.
//
// Nothing in here prints a secret: a Source says where one is.
//
// Where the next line goes: where secrets come from, source.go; what TLS is made of, tls.go and the names of its parts in
// names.go; what is looked at of a broker's certificate, verify.go; what clients are shown, accept.go; files that are being replaced,
// keeper.go; what is wrong with any of it, problem.go; SASL, sasl.go; where tokens come from, oauth.go, and what proves who we are there,
// assertion.go; who shares them, tokens.go; direct connections and names, socket.go; those through a proxy, reentry.go; what a failed
// connection means in words, explain.go.
package dial
