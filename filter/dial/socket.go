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

// Socket is what is said of a TCP connection.
type Socket struct {
	// SetupTimeout bounds connecting, TLS, negotiating and logging in together. Zero: 30 seconds.
	SetupTimeout time.Duration
	KeepAlive    bool
	Nagle        bool // waits for more to send; off is TCP_NODELAY
	// SendBuffer and ReceiveBuffer are sizes in bytes; 0: the system's.
	SendBuffer, ReceiveBuffer int
	// Family is the kind of addresses that are used: tcp for all, tcp4 or tcp6.
	Family string
	// Canonical has the names of bootstrap servers replaced by those that their addresses resolve to (for Kerberos).
	Canonical bool
}

// Dial connects a socket to a broker, host:port.
func (s Socket) Dial(ctx context.Context, addr string) (net.Conn, error) {
	family := s.Family
	if family == "" {
		family = "tcp"
	}
	dialer := net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: s.KeepAlive}}
	if !s.KeepAlive {
		dialer.KeepAlive = -1
	}
	conn, err := dialer.DialContext(ctx, family, addr)
	if err != nil {
		return nil, err
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		if err := s.tune(tcp); err != nil {
			_ = conn.Close()
			return nil, err
		}
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
	ips, err := net.DefaultResolver.LookupHost(ctx, host)
	if err != nil {
		return []string{addr}
	}
	var names []string
	for _, ip := range ips {
		found, err := net.DefaultResolver.LookupAddr(ctx, ip)
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

func (s Socket) tune(c *net.TCPConn) error {
	if s.Nagle {
		if err := c.SetNoDelay(false); err != nil {
			return err
		}
	}
	if s.SendBuffer > 0 {
		if err := c.SetWriteBuffer(s.SendBuffer); err != nil {
			return err
		}
	}
	if s.ReceiveBuffer > 0 {
		return c.SetReadBuffer(s.ReceiveBuffer)
	}
	return nil
}
