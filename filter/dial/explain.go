package dial

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"
)

// Explain says in words what it means that a connection to a broker failed with err, and what to look at. It returns err itself
// when there is nothing to add.
func (s *Settings) Explain(err error) error {
	if words := s.words(err); words != "" {
		return &explained{words, err}
	}
	return err
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
		unknown   x509.UnknownAuthorityError
		name      x509.HostnameError
		invalid   x509.CertificateInvalidError
		noTLS     tls.RecordHeaderError
		alert     *net.OpError
		handshake *HandshakeError
		withdrawn *withdrawnError
		dns       *net.DNSError
	)
	switch {
	case errors.As(err, &unknown):
		authorities := "the system's"
		if s.TLS != nil && !s.TLS.CA.IsZero() {
			authorities = "those in " + s.TLS.CA.String()
		}
		return fmt.Sprintf("the broker's certificate is signed by none of the known authorities (%s); add its authority to ssl.ca.location or tls.ca", authorities)
	case errors.As(err, &name):
		return fmt.Sprintf("the broker's certificate is not for %s but for %s; dial it by that name, or set tls.server_name", name.Host, names(name.Certificate))
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return fmt.Sprintf("the broker's certificate is not valid now: it is from %s to %s", invalid.Cert.NotBefore.Format(time.DateOnly), invalid.Cert.NotAfter.Format(time.DateOnly))
	case errors.As(err, &withdrawn):
		return fmt.Sprintf("the broker's certificate %q is withdrawn: it is in the list of ssl.crl.location", withdrawn.name)
	case errors.As(err, &noTLS):
		return "the broker does not speak TLS on this port; set security.protocol to plaintext or sasl_plaintext, or dial its TLS port"
	case errors.As(err, &alert) && alert.Op == "remote error":
		return s.alerted(alert.Err.Error())
	case errors.As(err, &dns):
		return fmt.Sprintf("the name %s cannot be resolved", dns.Name)
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nobody listens there"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return s.closed(errors.As(err, &handshake))
	}
	return ""
}

// alerted is what a broker's refusal of the handshake means. Go does not export the alerts' type, so they go by Go's words.
func (s *Settings) alerted(alert string) string {
	own := s.TLS != nil && (!s.TLS.Certificate.IsZero() || !s.TLS.Keystore.IsZero())
	switch alert {
	case "tls: certificate required", "tls: handshake failure", "tls: bad certificate":
		if !own {
			return "the broker refuses the TLS handshake; it may want a client certificate: set ssl.certificate.location and ssl.key.location, or tls.certificate and tls.key"
		}
		return "the broker refuses the TLS handshake, perhaps our certificate"
	case "tls: unknown certificate authority":
		return "the broker does not know the authority that signed our certificate"
	case "tls: expired certificate":
		return "the broker says that our certificate has expired"
	case "tls: protocol version not supported":
		return "the broker wants another version of TLS; 1.2 and 1.3 are spoken here"
	default:
		return "the broker refuses the TLS handshake: " + alert
	}
}

// closed is what it may mean that a broker hangs up before it has said anything.
func (s *Settings) closed(handshake bool) string {
	switch {
	case handshake:
		return "the broker hung up during the TLS handshake; it may not speak TLS on this port: set security.protocol to plaintext or sasl_plaintext, or dial its TLS port"
	case s.TLS == nil && s.SASL == nil:
		return "the broker hung up; it may want TLS or SASL on this port: set security.protocol"
	case s.TLS == nil:
		return "the broker hung up; it may want TLS on this port: set security.protocol to sasl_ssl"
	case s.SASL == nil:
		return "the broker hung up; it may want SASL on this port (security.protocol sasl_ssl), or a client certificate"
	default:
		return "the broker hung up"
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

func names(c *x509.Certificate) string {
	if c == nil {
		return "nobody"
	}
	all := c.DNSNames
	for _, ip := range c.IPAddresses {
		all = append(all, ip.String())
	}
	switch len(all) {
	case 0:
		return "no name at all"
	case 1:
		return all[0]
	default:
		return fmt.Sprintf("%v", all)
	}
}
