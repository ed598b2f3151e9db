package session

// byCertificate is how clients have proved who they are that have shown a certificate.
const byCertificate = "TLS"

// Certified says, before the first Data, what is in the certificate that the client has shown its host: the first of its names as URI and
// for DNS, and its subject. All is empty if it has shown none.
func (s *Session) Certified(uri, dns, subject string) {
	defer s.recover("certified")
	if s.common.NamedBy == nil {
		return
	}
	if name := s.common.NamedBy(uri, dns, subject); name != "" {
		s.client.BecomePrincipal(name, byCertificate)
	}
}
