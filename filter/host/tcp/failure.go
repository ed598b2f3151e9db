package tcp

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"strings"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats"
)

// What the operation of an error is called that says that an alert of TLS was sent, by the peer or by us.
const (
	peersAlert = "remote error"
	ourAlert   = "local error"
)

// failureOf is what a handshake's error is counted as. Package tls has types for some of its errors, and for others texts alone.
func failureOf(err error) stats.TLSFailure {
	if _, is := errors.AsType[tls.RecordHeaderError](err); is {
		return stats.TLSPlaintext
	}
	if _, is := errors.AsType[*tls.CertificateVerificationError](err); is {
		return stats.TLSClientCertificate
	}
	call, ofNet := errors.AsType[*net.OpError](err)
	switch text := err.Error(); {
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return stats.TLSTimeout
	case ofNet && call.Op == peersAlert:
		return stats.TLSRefused
	case ofNet && call.Op == ourAlert:
		return stats.TLSProtocol
	case ofNet, errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return stats.TLSEnded
	case strings.HasPrefix(text, "tls: ") && !strings.Contains(text, "client didn't provide a certificate") && !strings.Contains(text, "client certificate"):
		return stats.TLSProtocol
	default: // also what is not of package tls: that a certificate is withdrawn
		return stats.TLSClientCertificate
	}
}
