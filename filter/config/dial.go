package config

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	kafkameshv1 "github.com/kafkamesh/envoy-kafka-mesh/proto/kafkamesh/v1"
)

const (
	// maxSocket is the longest name of a Unix domain socket that Linux takes (unix(7)), without the zero byte behind it.
	maxSocket = 107
	// dnsPort is the port of a DNS server that is written without one.
	dnsPort = 53
)

// dial reads how connections to a cluster's brokers are made.
func (c *Config) dial(bad *mistakes, cl *Cluster, g *given, at string, d *kafkameshv1.Dial) {
	if d.GetDnsServer() != "" || bad.given[join(at, "dns_server")] {
		server, err := dnsServer(d.GetDnsServer())
		if err != nil {
			bad.add(join(at, "dns_server"), "%v", err)
		}
		cl.Dial.Socket.DNSServer = server
	}
	if d.GetProxyProtocol() == nil {
		return
	}
	socket := d.GetProxyProtocol().GetSocket()
	if err := unixSocket(socket); err != nil {
		bad.add(join(join(at, "proxy_protocol"), "socket"), "%v", err)
	}
	cl.Dial.Socket.Reentry = socket
	for name, off := range map[string]string{"socket.keepalive.enable": "false", "socket.nagle.disable": "true"} {
		if g.has(name) && g.values[name] != off {
			c.warn(g.at(name), "has no effect with dial.proxy_protocol: the connection to the broker is the proxy's")
		}
	}
}

// unixSocket says what is wrong with the name of a Unix domain socket, or nothing.
func unixSocket(name string) error {
	const such = "write a path, or the name of an abstract socket such as @kafka-mesh-egress"
	switch {
	case name == "":
		return errors.New("missing; " + such)
	case strings.HasPrefix(name, "unix:"):
		return fmt.Errorf("%s has a scheme before it; write the path alone, or @ and the name of an abstract socket", quote(name))
	case !strings.HasPrefix(name, "/") && !strings.HasPrefix(name, "@"):
		return fmt.Errorf("%s is neither a whole path nor, with an @ before it, the name of an abstract socket; %s", quote(name), such)
	case len(name) == 1, strings.HasSuffix(name, "/"):
		return fmt.Errorf("%s is no socket's name; %s", quote(name), such)
	case len(name) > maxSocket:
		return fmt.Errorf("%s has %d bytes; a socket's name has at most %d", quote(name), len(name), maxSocket)
	case strings.ContainsRune(name, 0):
		return errors.New("has a zero byte in it; " + such)
	}
	return nil
}

// dnsServer reads IP or IP:PORT, and returns ip:port. The error says what is wrong and what to write.
func dnsServer(s string) (string, error) {
	const such = "write IP:PORT, such as 127.0.0.1:15053"
	if ip, err := netip.ParseAddr(s); err == nil { // IPv6 without brackets too
		s = netip.AddrPortFrom(ip, dnsPort).String()
	}
	host, port, err := splitHostPort(s)
	switch {
	case s == "":
		return "", errors.New("is empty; " + such + ", or remove it")
	case strings.ContainsAny(s, ",; "):
		return "", errors.New("is one server, and no list; " + such)
	case strings.Contains(s, "://"):
		return "", fmt.Errorf("%s is a URL; %s", shownAddress(s), such)
	case err != nil:
		return "", fmt.Errorf("%s: %w", shownAddress(s), err)
	}
	if !strings.Contains(s, ":") || strings.HasSuffix(s, "]") {
		port = dnsPort
	}
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	switch {
	case err != nil:
		return "", fmt.Errorf("%s is a name, which nobody could resolve before; %s", quote(host), such)
	case ip.Unmap().IsUnspecified():
		return "", fmt.Errorf("nobody can be reached at %s, which is for listening only; %s", host, such)
	}
	return host + ":" + strconv.Itoa(port), nil
}
