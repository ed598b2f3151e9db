package dial

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
)

// verify looks at what a broker has shown.
type verify func(tls.ConnectionState) error

func both(first, second verify) verify {
	if first == nil {
		return second
	}
	return func(s tls.ConnectionState) error {
		if err := first(s); err != nil {
			return err
		}
		return second(s)
	}
}

// chainOnly verifies who signed the broker's certificate, and not whose it is.
func chainOnly(roots *x509.CertPool) verify {
	return func(s tls.ConnectionState) error {
		options := x509.VerifyOptions{Roots: roots, Intermediates: x509.NewCertPool()}
		for _, c := range s.PeerCertificates[1:] {
			options.Intermediates.AddCert(c)
		}
		_, err := s.PeerCertificates[0].Verify(options)
		return err
	}
}

// notWithdrawn looks each of the broker's certificates up in the lists of its issuer.
func notWithdrawn(lists []*x509.RevocationList) verify {
	return func(s tls.ConnectionState) error {
		for _, c := range s.PeerCertificates {
			for _, list := range lists {
				if !bytes.Equal(list.RawIssuer, c.RawIssuer) {
					continue
				}
				for _, entry := range list.RevokedCertificateEntries {
					if entry.SerialNumber.Cmp(c.SerialNumber) == 0 {
						return &withdrawnError{c.Subject.CommonName}
					}
				}
			}
		}
		return nil
	}
}

// withdrawnError says that a certificate of the broker is in a CRL.
type withdrawnError struct{ name string }

func (e *withdrawnError) Error() string { return fmt.Sprintf("certificate %q is withdrawn", e.name) }

// identified sees that the broker is one of those with the SPIFFE ids. Who signed its certificate has been verified.
func identified(ids []string) verify {
	return func(s tls.ConnectionState) error {
		for _, uri := range s.PeerCertificates[0].URIs {
			if slices.Contains(ids, uri.String()) {
				return nil
			}
		}
		return &identityError{s.PeerCertificates[0]}
	}
}

// identityError says that a broker is none of those that are expected.
type identityError struct{ shown *x509.Certificate }

func (e *identityError) Error() string {
	return "the certificate is for " + names(e.shown) + ", which is not expected"
}

// maxNames is how many of a certificate's names are told.
const maxNames = 4

// names are those that a certificate is for.
func names(c *x509.Certificate) string {
	if c == nil {
		return "nobody"
	}
	all := slices.Clone(c.DNSNames)
	for _, ip := range c.IPAddresses {
		all = append(all, ip.String())
	}
	for _, uri := range c.URIs {
		all = append(all, uri.String())
	}
	more := ""
	if len(all) > maxNames {
		more = fmt.Sprintf(" and %d others", len(all)-maxNames)
		all = all[:maxNames]
	}
	for i, name := range all {
		all[i] = readable(name)
	}
	if len(all) == 0 {
		return "no name at all"
	}
	return strings.Join(all, ", ") + more
}
