package dial

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"slices"
	"time"
)

// Accept returns a configuration for connections of clients, or why there is none. Where there are authorities (CA), each client has to show
// a certificate that one of them has signed, or may do without if that is optional. stale says why parts of it are what was there before.
func (k *Keeper) Accept(optional bool, now time.Time) (config *tls.Config, stale, err error) {
	m, stale, err := k.usable(now)
	switch {
	case err != nil:
		return nil, nil, err
	case m.pair == nil:
		return nil, nil, errors.New("there is no certificate to show")
	case len(m.authorities) == 0 && !k.tls.CA.IsZero():
		return nil, nil, errors.New("there are no authorities of clients")
	default:
		return k.tls.accepting(optional, m), stale, nil
	}
}

// accepting is for connections of clients.
func (t *TLS) accepting(optional bool, m material) *tls.Config {
	config := &tls.Config{
		MinVersion: tls.VersionTLS12, CipherSuites: t.CipherSuites, CurvePreferences: t.Curves, Certificates: []tls.Certificate{*m.pair},
		SessionTicketsDisabled: true, // each connection shows its certificate anew, to the authorities of today
	}
	if len(m.authorities) > 0 {
		config.ClientAuth = tls.RequireAndVerifyClientCert
		if optional {
			config.ClientAuth = tls.VerifyClientCertIfGiven
		}
		config.ClientCAs = x509.NewCertPool()
		for _, ca := range m.authorities {
			config.ClientCAs.AddCert(ca)
		}
	}
	if len(m.withdrawn) > 0 {
		config.VerifyConnection = notWithdrawn(m.withdrawn)
	}
	return config
}

// Fingerprint is another when what TLS is made of is.
func (t *TLS) Fingerprint() [sha256.Size]byte {
	h := sha256.New()
	for _, s := range []Source{t.CA, t.Certificate, t.Key, t.KeyPassword, t.Keystore, t.KeystorePassword, t.CRL} {
		raw, err := s.Read()
		if err != nil {
			raw = []byte(err.Error())
		}
		sum := sha256.Sum256(slices.Concat([]byte{0}, raw))
		h.Write(sum[:])
	}
	return [sha256.Size]byte(h.Sum(nil))
}
