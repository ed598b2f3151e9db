// Package dialtest plays what is between us and brokers in a mesh: the proxy whose socket connections go through, and the DNS server that
// alone knows a name.
package dialtest
