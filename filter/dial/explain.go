package dial

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Explain says in words what it means that a connection to a broker failed with err, and what to look at. It returns err itself
// when there is nothing to add. What is about our own certificate is a LoginError.
func (s *Settings) Explain(err error) error {
	if words := s.words(err); words != "" {
		err = &explained{words, err}
	}
	if _, known := errors.AsType[*LoginError](err); !known && s.ofOurCertificate(err) {
		return &LoginError{err}
	}
	return err
}

// ofOurCertificate reports whether a connection failed because of the certificate that says who we are: it cannot be used, or the broker does
// not take it.
func (s *Settings) ofOurCertificate(err error) bool {
	if problem, ok := errors.AsType[*Problem](err); ok {
		return problem.Part != PartCA && problem.Part != PartCRL
	}
	alert, ok := errors.AsType[*net.OpError](err)
	return ok && alert.Op == remoteError && s.hasOwn() && slices.Contains(certificateAlerts, alert.Err.Error())
}

// remoteError is what Go calls a TLS alert of the other side.
const remoteError = "remote error"

// certificateAlerts are those that are about a certificate, which is ours, in Go's words: their type is not exported.
var certificateAlerts = []string{ //nolint:gochecknoglobals // a table
	"tls: bad certificate", "tls: unsupported certificate", "tls: revoked certificate", "tls: expired certificate", "tls: unknown certificate",
	"tls: unknown certificate authority", "tls: access denied", "tls: certificate required",
}

// hasOwn reports whether we have a certificate.
func (s *Settings) hasOwn() bool {
	return s.TLS != nil && (!s.TLS.Certificate.IsZero() || !s.TLS.Keystore.IsZero())
}

// InWords is an error that says something else than its cause.
func InWords(words string, cause error) error { return &explained{words, cause} }

// explained is an error in words. What it was is still there for errors.Is and As, and not shown.
type explained struct {
	words string
	cause error
}

func (e *explained) Error() string { return e.words }
func (e *explained) Unwrap() error { return e.cause }

func (s *Settings) words(err error) string {
	var (
		said    *explained
		reentry *ReentryError
		alert   *net.OpError
		dns     *net.DNSError
	)
	switch {
	case errors.As(err, &said):
		return ""
	case errors.As(err, &reentry):
		return reentry.words()
	case errors.As(err, &alert) && alert.Op == remoteError:
		return s.alerted(alert.Err.Error())
	case errors.As(err, &dns):
		return s.unresolved(dns)
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nobody listens there"
	case isEnd(err):
		return s.closed(err)
	}
	return s.distrusted(err)
}

// distrusted is what it means that we do not take what a broker has shown.
func (s *Settings) distrusted(err error) string {
	var (
		unknown   x509.UnknownAuthorityError
		name      x509.HostnameError
		invalid   x509.CertificateInvalidError
		noTLS     tls.RecordHeaderError
		withdrawn *withdrawnError
		identity  *identityError
	)
	switch {
	case errors.As(err, &unknown):
		authorities := "the system's"
		if s.TLS != nil && !s.TLS.CA.IsZero() {
			authorities = "those in " + s.TLS.CA.String()
		}
		return fmt.Sprintf("the broker's certificate is signed by none of the known authorities (%s); add its authority to ssl.ca.location or tls.ca", authorities)
	case errors.As(err, &name):
		return fmt.Sprintf("the broker's certificate is not for %s but for %s; %s", name.Host, names(name.Certificate), renamed(name.Certificate))
	case errors.As(err, &identity):
		return fmt.Sprintf("the broker's certificate is for %s, which is none of tls.spiffe_ids", names(identity.shown))
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return fmt.Sprintf("the broker's certificate is not valid now: it is from %s to %s", invalid.Cert.NotBefore.Format(time.DateOnly), invalid.Cert.NotAfter.Format(time.DateOnly))
	case errors.As(err, &withdrawn):
		return fmt.Sprintf("the broker's certificate %q is withdrawn: it is in the list of ssl.crl.location", withdrawn.name)
	case errors.As(err, &noTLS):
		return "the broker does not speak TLS on this port; set security.protocol to plaintext or sasl_plaintext, or dial its TLS port"
	}
	return ""
}

// renamed is what to do about a certificate that is for another name.
func renamed(c *x509.Certificate) string {
	if c != nil && slices.ContainsFunc(c.URIs, func(u *url.URL) bool { return u.Scheme == "spiffe" }) {
		return "it is a mesh's: write who brokers may be into tls.spiffe_ids"
	}
	return "dial it by that name, or set tls.server_name"
}

// unresolved is what it means that a name has no address.
func (s *Settings) unresolved(err *net.DNSError) string {
	server := s.Socket.DNSServer
	switch {
	case server == "":
		return fmt.Sprintf("the name %s cannot be resolved", err.Name)
	case err.IsNotFound:
		return fmt.Sprintf("the name %s cannot be resolved: the DNS server %s does not know it", err.Name, server)
	case err.IsTimeout:
		return fmt.Sprintf("the name %s cannot be resolved: the DNS server %s does not answer in time", err.Name, server)
	default:
		return fmt.Sprintf("the name %s cannot be resolved: the DNS server %s cannot be asked; is it at the address that dial.dns_server says?", err.Name, server)
	}
}

// words says what to do about a socket that cannot be used.
func (e *ReentryError) words() string {
	socket := "the socket " + readable(e.Socket) + " of dial.proxy_protocol"
	const advice = "; Envoy needs a listener there, in the same pod: see docs/istio.md"
	switch {
	case errors.Is(e.Err, syscall.ECONNREFUSED):
		return "nobody listens on " + socket + advice
	case errors.Is(e.Err, syscall.ENOENT):
		return "there is no " + strings.TrimPrefix(socket, "the ") + advice
	case errors.Is(e.Err, syscall.EACCES), errors.Is(e.Err, syscall.EPERM):
		return "permission denied for " + socket + "; let this process's user connect to it"
	case errors.Is(e.Err, syscall.EAGAIN):
		return socket + " has no room for a connection now: who listens there does not keep up"
	case errors.Is(e.Err, syscall.ENOTSOCK), errors.Is(e.Err, syscall.EPROTOTYPE):
		return socket + " is no socket for connections" + advice
	default:
		return socket + " cannot be used: " + e.Err.Error()
	}
}

// alerted is what a broker's refusal of the handshake means. Go does not export the alerts' type, so they go by Go's words.
func (s *Settings) alerted(alert string) string {
	switch alert {
	case "tls: certificate required", "tls: handshake failure", "tls: bad certificate":
		if !s.hasOwn() {
			return "the broker refuses the TLS handshake; it may want a client certificate: set ssl.certificate.location and ssl.key.location, or tls.certificate and tls.key"
		}
		return "the broker refuses the TLS handshake, perhaps our certificate"
	case "tls: unknown certificate authority":
		return "the broker does not know the authority that signed our certificate"
	case "tls: expired certificate":
		return "the broker says that our certificate has expired"
	case "tls: no application protocol":
		return "the broker takes none of the protocols of tls.alpn"
	case "tls: protocol version not supported":
		return "the broker wants another version of TLS; 1.2 and 1.3 are spoken here"
	default:
		return "the broker refuses the TLS handshake: " + alert
	}
}

// UnheardError says that a broker ended a connection before it said anything.
type UnheardError struct{ Err error }

func (e *UnheardError) Error() string { return e.Err.Error() }

// Unwrap returns how it ended.
func (e *UnheardError) Unwrap() error { return e.Err }

// isEnd says whether an error is the end of a connection.
func isEnd(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || isReset(err)
}

func isReset(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// closed is what it may mean that a broker hangs up before it has said what was expected.
func (s *Settings) closed(err error) string {
	_, handshake := errors.AsType[*HandshakeError](err)
	_, unheard := errors.AsType[*UnheardError](err)
	switch {
	case s.Socket.Reentry != "" && (handshake || unheard):
		return fmt.Sprintf("the connection through %s ended before anything came: Envoy does not reach the broker from there, "+
			"or is refused; see its access log, and docs/istio.md%s", readable(s.Socket.Reentry), s.perhaps(handshake))
	case unheard && isReset(err) && s.TLS == nil:
		return "the broker resets connections at once: is it behind STRICT mTLS? see docs/istio.md" + s.perhaps(false)
	case handshake:
		return "the broker hung up during the TLS handshake" + s.perhaps(true)
	default:
		return "the broker hung up" + s.perhaps(false)
	}
}

// perhaps is what the broker may want.
func (s *Settings) perhaps(handshake bool) string {
	switch {
	case handshake:
		return "; it may not speak TLS on this port: set security.protocol to plaintext or sasl_plaintext, or dial its TLS port"
	case s.TLS == nil && s.SASL == nil:
		return "; it may want TLS or SASL on this port: set security.protocol"
	case s.TLS == nil:
		return "; it may want TLS on this port: set security.protocol to sasl_ssl"
	case s.SASL == nil:
		return "; it may want SASL on this port (security.protocol sasl_ssl), or a client certificate"
	default:
		return ""
	}
}

// LoginError says that we cannot log in: a broker refuses it, or there is nothing to log in with. That is no outage.
type LoginError struct{ Err error }

func (e *LoginError) Error() string { return e.Err.Error() }

// Unwrap returns what went wrong.
func (e *LoginError) Unwrap() error { return e.Err }

// Stage is how far a connection to a broker has come.
type Stage uint8

// The stages, in their order.
const (
	Connecting  Stage = iota // the socket
	Encrypting               // TLS
	Negotiating              // versions
	LoggingIn                // SASL
)

// Silence says in words what it may mean that a broker has not answered in time, which is the cause, with the connection at a stage.
func (s *Settings) Silence(at Stage, cause error) error {
	words := "the broker does not answer in time: "
	switch {
	case at > Connecting && at < LoggingIn && s.Socket.Reentry != "":
		words += "Envoy took the connection at " + readable(s.Socket.Reentry) + ", and nothing comes back" + s.perhaps(at == Encrypting)
	case at == Connecting:
		words += "nothing comes back; is the address right, and does a firewall let us through?"
	case at == Encrypting:
		words += "it took the connection and says nothing in the TLS handshake; it may not speak TLS on this port: " +
			"set security.protocol to plaintext or sasl_plaintext, or dial its TLS port"
	case at == LoggingIn:
		words += "it says nothing to our login"
	case s.TLS == nil:
		words += "it took the connection and says nothing; it may want TLS on this port (security.protocol ssl or sasl_ssl), or is no Kafka broker"
	default:
		words += "it took the connection and says nothing; it may be no Kafka broker"
	}
	return InWords(words, cause)
}

// HandshakeError is a failure of TLS, after the socket was connected.
type HandshakeError struct{ Err error }

func (e *HandshakeError) Error() string { return "TLS handshake: " + e.Err.Error() }

// Unwrap returns what went wrong.
func (e *HandshakeError) Unwrap() error { return e.Err }
