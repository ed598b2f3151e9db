package session

import (
	"net/netip"
	"strings"
)

// Conn is a client's connection as a host lends it to a Session.
//
// Every method may be called from any goroutine, never blocks, and does nothing once the connection is gone.
type Conn interface {
	// Writev queues parts for the client, one behind the other, behind everything written before. It does not keep the list, which it may
	// change. Without sent it does not keep what the parts point to either; with sent that stays as it is until sent is called: once, when
	// all is sent or nobody wants it any more, from any goroutine, possibly before Writev returns and with locks of the host's held.
	//
	// It reports true when more is unsent than the host likes: then the session takes no further request until the host calls
	// Congested(false), which it does once that has been sent, whether or not it called Congested(true).
	Writev(parts [][]byte, sent func()) (outputFull bool)
	// Close closes the connection once everything written has left, or the client has not taken it for some seconds.
	Close()
	// Abort closes the connection at once, whatever is unsent. It may follow Close.
	Abort()
	// PauseReads asks the host to stop pushing Data, or to go on. Data already on its way may still arrive.
	PauseReads(pause bool)
}

// Peer says who is at the other end of a client's connection. Empty fields are unknown.
type Peer struct {
	// Remote is the client's address, host:port.
	Remote string
	// LocalHost and LocalPort are the address that the client dialled, as far as the host can tell.
	LocalHost string
	LocalPort int32
	// ServerName is the SNI that the client sent, if it speaks TLS to the host.
	ServerName string
	// Encrypted says that the client speaks TLS to the host, as far as the host can tell.
	Encrypted bool
}

// advertised is the address a client is told to find its broker at: the configured one, else the one it dialled, by
// the name it used if TLS told us.
func advertised(host string, port int32, p Peer) (string, int32) {
	switch {
	case host != "":
		return host, port
	case p.ServerName != "" && !isOfMesh(p.ServerName):
		return p.ServerName, p.LocalPort
	default:
		return plain(p.LocalHost), p.LocalPort
	}
}

// isOfMesh says whether a server's name is one that Istio's proxies have made up for each other: outbound_.9092_._.kafka.orders.svc.cluster.local
// is nothing that a client could dial.
func isOfMesh(name string) bool { return strings.HasPrefix(name, "outbound_.") }

// plain is an address as clients write it: one of IPv4 that came to a listener of both kinds is one of IPv4.
func plain(host string) string {
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.Unmap().String()
	}
	return host
}
