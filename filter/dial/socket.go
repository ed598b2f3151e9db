package dial

import (
	"context"
	"net"
	"strings"
	"time"
)

// Settings is how the brokers of one cluster are reached.
type Settings struct {
	Socket Socket
	TLS    *TLS  // nil: plain text
	SASL   *SASL // nil: nobody logs in
}

// Socket is what is said of the connections themselves.
type Socket struct {
	// SetupTimeout bounds connecting, TLS, negotiating and logging in together. Zero: 30 seconds.
	SetupTimeout time.Duration
	// Reentry is the Unix domain socket of a proxy that connections go through: a path, or @ and the name of an abstract one. Empty: none,
	// brokers are connected to directly. KeepAlive and Nagle are then the proxy's matter.
	Reentry   string
	KeepAlive bool
	Nagle     bool // waits for more to send; off is TCP_NODELAY
	// SendBuffer and ReceiveBuffer are sizes in bytes; 0: the system's.
	SendBuffer, ReceiveBuffer int
	// Family is the kind of addresses that are used: tcp for all, tcp4 or tcp6.
	Family string
	// Canonical has the names of bootstrap servers replaced by those that their addresses resolve to (for Kerberos).
	Canonical bool
	// DNSServer is asked for the names of brokers, ip:port. Empty: those that the system asks.
	DNSServer string
}

// Dial connects a socket to a broker, host:port. What it returns has a file descriptor, and need not be TCP's.
func (s Socket) Dial(ctx context.Context, addr string) (net.Conn, error) {
	connect := s.direct
	if s.Reentry != "" {
		connect = s.reenter
	}
	conn, err := connect(ctx, addr)
	if err != nil {
		return nil, err
	}
	if err := s.tune(conn); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}

// Resolve returns the addresses that a bootstrap server, host:port, stands for: itself, or with Canonical the names that its
// addresses resolve to.
func (s Socket) Resolve(ctx context.Context, addr string) []string {
	if !s.Canonical {
		return []string{addr}
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return []string{addr}
	}
	ips, err := s.resolver().LookupHost(ctx, host)
	if err != nil {
		return []string{addr}
	}
	var names []string
	for _, ip := range ips {
		found, err := s.resolver().LookupAddr(ctx, ip)
		if err != nil || len(found) == 0 {
			continue
		}
		names = append(names, net.JoinHostPort(strings.TrimSuffix(found[0], "."), port))
	}
	if len(names) == 0 {
		return []string{addr}
	}
	return names
}

// direct connects to the broker itself.
func (s Socket) direct(ctx context.Context, addr string) (net.Conn, error) {
	family := s.Family
	if family == "" {
		family = "tcp"
	}
	dialer := net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: s.KeepAlive}, Resolver: s.resolver()}
	if !s.KeepAlive {
		dialer.KeepAlive = -1
	}
	return dialer.DialContext(ctx, family, addr)
}

// resolver resolves the names of brokers. What the system knows without asking anybody, and the domains that it completes names with, hold
// with another server too.
func (s Socket) resolver() *net.Resolver {
	if s.DNSServer == "" {
		return net.DefaultResolver
	}
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, s.DNSServer)
	}}
}

// tune sets what is set of a connection; of one that is not TCP, only what it has.
func (s Socket) tune(c net.Conn) error {
	if tcp, ok := c.(interface{ SetNoDelay(on bool) error }); ok && s.Nagle {
		if err := tcp.SetNoDelay(false); err != nil {
			return err
		}
	}
	buffered, ok := c.(interface {
		SetReadBuffer(size int) error
		SetWriteBuffer(size int) error
	})
	if !ok {
		return nil
	}
	if s.SendBuffer > 0 {
		if err := buffered.SetWriteBuffer(s.SendBuffer); err != nil {
			return err
		}
	}
	if s.ReceiveBuffer > 0 {
		return buffered.SetReadBuffer(s.ReceiveBuffer)
	}
	return nil
}
