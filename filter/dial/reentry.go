package dial

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strconv"
	"time"
)

// reenter connects to the socket of a proxy and tells it which broker is meant, by version 2 of the PROXY protocol
// (https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt). The proxy sees a connection from us to the broker, and treats it as
// any other. It takes every connection, so what becomes of it shows only later.
func (s Socket) reenter(ctx context.Context, addr string) (net.Conn, error) {
	to, err := s.choose(ctx, addr)
	if err != nil {
		return nil, err
	}
	conn, err := new(net.Dialer).DialContext(ctx, "unix", s.Reentry)
	if err != nil {
		return nil, &ReentryError{Socket: s.Reentry, Err: err}
	}
	if deadline, ok := ctx.Deadline(); ok {
		err = conn.SetWriteDeadline(deadline)
	}
	if err == nil {
		_, err = conn.Write(proxyHeader(source(to), to))
	}
	if err == nil {
		err = conn.SetWriteDeadline(time.Time{})
	}
	if err != nil {
		_ = conn.Close()
		return nil, &ReentryError{Socket: s.Reentry, Err: err}
	}
	return conn, nil
}

// ReentryError says that the socket of re-entries cannot be used, which is no broker's fault.
type ReentryError struct {
	Socket string
	Err    error
}

func (e *ReentryError) Error() string { return fmt.Sprintf("connect through %s: %v", e.Socket, e.Err) }

// Unwrap returns what went wrong.
func (e *ReentryError) Unwrap() error { return e.Err }

// choose resolves host:port to one address. Of several, any may be the one that is down, and the proxy does not say which: so it is chosen
// by chance, among those of the kind that comes first.
func (s Socket) choose(ctx context.Context, addr string) (netip.AddrPort, error) {
	host, service, err := net.SplitHostPort(addr)
	if err != nil {
		return netip.AddrPort{}, err
	}
	port, err := strconv.ParseUint(service, 10, 16)
	if err != nil {
		return netip.AddrPort{}, &net.AddrError{Err: "invalid port", Addr: addr}
	}
	family := map[string]string{"tcp4": "ip4", "tcp6": "ip6"}[s.Family]
	if family == "" {
		family = "ip"
	}
	found, err := s.resolver().LookupNetIP(ctx, family, host)
	if err != nil {
		return netip.AddrPort{}, err
	}
	var alike []netip.Addr
	for _, ip := range found {
		ip = ip.Unmap().WithZone("")
		if s.takes(ip) && (len(alike) == 0 || ip.Is4() == alike[0].Is4()) {
			alike = append(alike, ip)
		}
	}
	if len(alike) == 0 {
		return netip.AddrPort{}, &net.AddrError{Err: "no suitable address", Addr: host}
	}
	return netip.AddrPortFrom(alike[rand.IntN(len(alike))], uint16(port)), nil //nolint:gosec // to spread, not to hide
}

// takes says whether an address is of the family that is wanted.
func (s Socket) takes(ip netip.Addr) bool {
	switch s.Family {
	case "tcp4":
		return ip.Is4()
	case "tcp6":
		return ip.Is6()
	default:
		return true
	}
}

// source is the address that a connection of ours to a broker would come from, so that the proxy's logs say who connects. Nothing is sent
// for it.
func source(to netip.AddrPort) netip.AddrPort {
	if conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(to)); err == nil {
		defer conn.Close() //nolint:errcheck // nothing was sent
		if from, ok := conn.LocalAddr().(*net.UDPAddr); ok {
			return netip.AddrPortFrom(from.AddrPort().Addr().Unmap().WithZone(""), from.AddrPort().Port())
		}
	}
	loopback := netip.IPv6Loopback()
	if to.Addr().Is4() {
		loopback = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	return netip.AddrPortFrom(loopback, to.Port()) // there is no way to it but the proxy's
}

// proxyHeader is the header of a connection over TCP. Both addresses are of the same family.
func proxyHeader(from, to netip.AddrPort) []byte {
	const (
		signature  = "\r\n\r\n\x00\r\nQUIT\n"
		proxied    = 0x21 // version 2, and not the proxy's own connection
		overTCP4   = 0x11
		overTCP6   = 0x21
		portsBytes = 4
	)
	family := byte(overTCP6)
	if to.Addr().Is4() {
		family = overTCP4
	}
	addresses := append(from.Addr().AsSlice(), to.Addr().AsSlice()...)
	header := append([]byte(signature), proxied, family)
	header = binary.BigEndian.AppendUint16(header, uint16(len(addresses)+portsBytes))
	header = append(header, addresses...)
	header = binary.BigEndian.AppendUint16(header, from.Port())
	return binary.BigEndian.AppendUint16(header, to.Port())
}
