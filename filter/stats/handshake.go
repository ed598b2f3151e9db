package stats

// TLSFailure is why a handshake of TLS with a client has failed, as far as that is counted apart.
type TLSFailure string

// The failures.
const (
	// TLSPlaintext: the client does not speak TLS.
	TLSPlaintext TLSFailure = "plaintext"
	// TLSProtocol: there is no version or cipher that both speak, or the client breaks TLS's rules.
	TLSProtocol TLSFailure = "protocol"
	// TLSClientCertificate: the client has shown no certificate, or one that is not taken.
	TLSClientCertificate TLSFailure = "client_certificate"
	// TLSRefused: the client has refused us, most often our certificate.
	TLSRefused TLSFailure = "refused_by_client"
	// TLSEnded: the client has ended the connection.
	TLSEnded TLSFailure = "ended"
	// TLSTimeout: the client has not got on in time.
	TLSTimeout TLSFailure = "timeout"
	// TLSTooMany: there were too many handshakes at one time.
	TLSTooMany TLSFailure = "too_many"
	// TLSNoCertificate: we have no certificate that can be shown.
	TLSNoCertificate TLSFailure = "no_certificate"
)

// TLSFailures are all of them.
func TLSFailures() []TLSFailure {
	return []TLSFailure{
		TLSPlaintext, TLSProtocol, TLSClientCertificate, TLSRefused, TLSEnded, TLSTimeout, TLSTooMany, TLSNoCertificate,
	}
}

// Help says what has happened.
func (f TLSFailure) Help() string {
	switch f {
	case TLSPlaintext:
		return "The client does not speak TLS."
	case TLSProtocol:
		return "The client and the mesh have no version or cipher in common, or the client breaks TLS's rules."
	case TLSClientCertificate:
		return "The client has shown no certificate, or one that is not taken."
	case TLSRefused:
		return "The client has refused to go on: mostly it does not trust the mesh's certificate, or looks for another name in it."
	case TLSEnded:
		return "The client has ended the connection: a check of health, or a client that does not say what it does not like."
	case TLSTimeout:
		return "The client has not got through it in ten seconds."
	case TLSTooMany:
		return "There were too many at one time."
	case TLSNoCertificate:
		return "The mesh has no certificate that it can show: its log says why."
	default:
		return ""
	}
}

// tlsFailureMetric counts the handshakes that have failed so.
func tlsFailureMetric(f TLSFailure) Metric {
	m := Metric{Name: "tls_handshakes.failed", Unit: "handshakes", Help: "Handshakes of TLS with clients that failed, by reason, where `listen_tls` has the plain binary speak it."}
	return with(m, string(f), LabelTLSFailure, string(f))
}

// TLSFailed counts the handshakes of TLS with clients that have failed for a reason.
func (s *Set) TLSFailed(f TLSFailure) Value { return s.value(tlsFailureMetric(f).Name) }
