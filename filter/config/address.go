package config

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
)

const maxPort = 65535

// checkAdvertised checks the address that clients are told.
func checkAdvertised(bad *mistakes, host string, port int32) {
	if host == "" && port == 0 && !bad.given["advertised_port"] {
		return
	}
	if host == "" {
		bad.add("advertised_host", "missing, while advertised_port is set; set both, or neither")
	} else {
		checkAdvertisedHost(bad, host)
	}
	if bad.given["advertised_port"] && port == 0 {
		bad.add("advertised_port", "0 is not a port; write a number from 1 to %d", maxPort)
	} else if port == 0 {
		bad.add("advertised_port", "missing, while advertised_host is set; set both, or neither")
	} else if port < 0 || port > maxPort {
		bad.add("advertised_port", "%d is not a port; write a number from 1 to %d", port, maxPort)
	}
}

func checkAdvertisedHost(bad *mistakes, host string) {
	const path = "advertised_host"
	ip, err := netip.ParseAddr(host)
	switch {
	case strings.ContainsAny(host, "@/"):
		bad.add(path, "is not a host alone; write a name or an IP address, without scheme, login and path")
	case err == nil && ip.Unmap().IsUnspecified():
		bad.add(path, "clients cannot connect to %s; write a name or address by which clients reach this listener", host)
	case err == nil:
	case isBracketed(host):
		bad.add(path, "%s has brackets; write the IPv6 address without them", quote(host))
	case hasPort(host):
		bad.add(path, "%s holds a port; write the host alone, and the port in advertised_port", quote(host))
	default:
		if reason := hostNameMistake(host); reason != "" {
			bad.add(path, "%s is not a host: %s; write a name or an IP address", quote(host), reason)
		}
	}
}

func isBracketed(host string) bool {
	return strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]")
}

func hasPort(host string) bool {
	i := strings.LastIndexByte(host, ':')
	return i > 0 && isDigits(host[i+1:])
}

// brokerAddress reads HOST, HOST:PORT or PROTOCOL://HOST:PORT and returns host:port, IPv6 in brackets, and the security
// protocol, empty if there is none. The error says what is wrong and what to
// write.
func brokerAddress(s string) (server, protocol string, err error) {
	rest := s
	if scheme, after, ok := strings.Cut(s, "://"); ok {
		protocol, rest = strings.ToLower(scheme), after
		if !isProtocol(protocol) {
			return "", "", fmt.Errorf("%s: the scheme %s is not known; write HOST:PORT alone", shownAddress(after), shownKey(protocol))
		}
	}
	if rest, after, ok := strings.Cut(rest, "/"); ok {
		if after != "" {
			return "", "", fmt.Errorf("%s: a path stands behind it, and a broker has none; write HOST:PORT", shownAddress(rest))
		}
		return brokerAddress(strings.TrimSuffix(s, "/"))
	}
	host, port, err := splitHostPort(rest)
	if err != nil {
		return "", "", fmt.Errorf("%s: %w", shownAddress(rest), err)
	}
	if ip, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil && ip.Unmap().IsUnspecified() {
		return "", "", fmt.Errorf("%s: nobody can be reached at %s, which is for listening only; write the broker's name or address", shownAddress(rest), host)
	}
	return host + ":" + strconv.Itoa(port), protocol, nil
}

// anAddress is what can only have been meant as an address: a password may stand in place of a port.
var anAddress = regexp.MustCompile(`^([^:]*(:[-0-9]*)?|[][0-9a-fA-F:.]*)$`)

// shownAddress is an address as it stands in a message.
func shownAddress(s string) string {
	if anAddress.MatchString(s) {
		return quote(s)
	}
	host, _, _ := strings.Cut(s, ":")
	return quote(host + ":…")
}

func shownPort(s string) string {
	if isDigits(strings.TrimPrefix(s, "-")) {
		return quote(s)
	}
	return "what stands behind the colon"
}

// splitHostPort returns the host, in brackets if it is an IPv6 address, and the port, DefaultPort if there is none.
func splitHostPort(s string) (host string, port int, err error) {
	var text string
	var hasPort bool
	if strings.HasPrefix(s, "[") {
		host, text, hasPort, err = cutBracketed(s)
	} else {
		host, text, hasPort, err = cutName(s)
	}
	if err != nil || !hasPort {
		return host, DefaultPort, err
	}
	port, err = strconv.Atoi(text)
	if err != nil || !isDigits(text) || port < 1 || port > maxPort {
		return "", 0, fmt.Errorf("%s is not a port; write a number from 1 to %d", shownPort(text), maxPort)
	}
	return host, port, nil
}

// cutBracketed cuts [ADDRESS]:PORT at its last colon.
func cutBracketed(s string) (host, port string, hasPort bool, err error) {
	address, after, closed := strings.Cut(s[1:], "]")
	if !closed {
		return "", "", false, errors.New("the bracket is not closed; write [ADDRESS]:PORT")
	}
	if ip, err := netip.ParseAddr(address); err != nil || !ip.Is6() {
		return "", "", false, fmt.Errorf("%s is not an IPv6 address; write [ADDRESS]:PORT", quote(address))
	}
	port, hasPort = strings.CutPrefix(after, ":")
	if after != "" && !hasPort {
		return "", "", false, errors.New("text follows the bracket; write [ADDRESS]:PORT")
	}
	return "[" + address + "]", port, hasPort, nil
}

// cutName cuts HOST:PORT at its colon.
func cutName(s string) (host, port string, hasPort bool, err error) {
	if strings.ContainsAny(s, "; \t") {
		return "", "", false, errors.New("several are separated by commas; write HOST:PORT,HOST:PORT")
	}
	if strings.Count(s, ":") > 1 {
		return "", "", false, errors.New("more than one colon; write HOST:PORT, and IPv6 as [ADDRESS]:PORT")
	}
	host, port, hasPort = strings.Cut(s, ":")
	if reason := hostNameMistake(host); reason != "" {
		return "", "", false, errors.New(reason + "; write HOST:PORT")
	}
	return host, port, hasPort, nil
}

// hostNameMistake says why host is neither an IPv4 address nor a name that a resolver could know, or returns "".
// Underscores are fine: container networks use them.
func hostNameMistake(host string) string {
	name := strings.TrimSuffix(host, ".")
	if name == "" {
		return "the host is missing"
	}
	if len(name) > 253 {
		return "the host is longer than 253 characters"
	}
	for _, r := range name {
		switch {
		case r == '$' || r == '{':
			return "it looks like a variable, and nothing is substituted here"
		case !isHostRune(r):
			return quote(string(r)) + " cannot be part of a host name"
		}
	}
	labels := strings.Split(name, ".")
	for _, label := range labels {
		if label == "" || len(label) > 63 {
			return "the parts between dots must have 1 to 63 characters"
		}
	}
	if isDigits(labels[len(labels)-1]) {
		if _, err := netip.ParseAddr(name); err != nil || name != host {
			return "it looks like an IPv4 address but is not one"
		}
	}
	return ""
}

func isHostRune(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune(".-_", r)
}

func isDigits(s string) bool {
	for _, r := range s {
		if r < '0' || r > '9' {
			return false
		}
	}
	return s != ""
}
