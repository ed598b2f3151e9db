// Package authority is the certificate authority of the tests and the benchmark. It makes what they need in memory, as PEM; who needs
// files writes them.
package authority
