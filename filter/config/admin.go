package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	kafkameshv1 "github.com/kafkamesh/envoy-kafka-mesh/proto/kafkamesh/v1"
)

// Admin is the HTTP listener for those who run the mesh.
type Admin struct {
	// Address is where to listen, host:port, IPv6 in brackets. The port is not 0.
	Address string
	// AnyClusterIsReady has the mesh be ready while one cluster can be reached. Otherwise every cluster has to be.
	AnyClusterIsReady bool
	// Pprof has Go's profiles served.
	Pprof bool
}

// admin checks admin and fills c.Admin.
func (c *Config) admin(bad *mistakes, m *kafkameshv1.Admin) {
	if m == nil {
		return
	}
	const at = "admin"
	c.Admin = &Admin{
		AnyClusterIsReady: m.GetReadiness() == kafkameshv1.Admin_READINESS_ANY,
		Pprof:             m.GetPprof(),
	}
	if kafkameshv1.Admin_Readiness_name[int32(m.GetReadiness())] == "" {
		bad.add(join(at, "readiness"), "%d is not known; remove it", m.GetReadiness())
	}
	path := join(at, "address")
	address, err := listenAddress(m.GetAddress())
	if err != nil {
		bad.add(path, "%v", err)
		return
	}
	if c.Admin.Address = address; isLoopback(address) {
		return
	}
	profiles := ""
	if m.GetPprof() {
		profiles = ", and can have profiles made, which costs time"
	}
	c.warn(path, "everybody who can connect to %s sees clusters, topics and clients%s; write 127.0.0.1 as host, or keep others away", quote(address), profiles)
}

// listenAddress reads HOST:PORT, where to listen. The error says what is wrong and what to write.
func listenAddress(s string) (string, error) {
	const such = "write HOST:PORT, such as 127.0.0.1:9990"
	switch {
	case s == "":
		return "", errors.New("missing; " + such)
	case strings.ContainsAny(s, "@/"):
		return "", errors.New("is more than an address; " + such + ", without scheme, login and path")
	case strings.LastIndexByte(s, ':') == 0:
		return "", fmt.Errorf("%s: the host is missing; write 127.0.0.1 before it for this machine alone, or 0.0.0.0 for everybody", shownAddress(s))
	case !strings.Contains(s, ":"), strings.HasSuffix(s, "]"):
		return "", fmt.Errorf("%s: the port is missing; %s", shownAddress(s), such)
	}
	host, port, err := splitHostPort(s)
	if err != nil {
		return "", fmt.Errorf("%s: %w", shownAddress(s), err)
	}
	return host + ":" + strconv.Itoa(port), nil
}

// isLoopback tells whether only the machine itself can connect to an address.
func isLoopback(address string) bool {
	host, _, _ := net.SplitHostPort(address) // an empty host is none
	ip, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && ip.Unmap().IsLoopback()
}
