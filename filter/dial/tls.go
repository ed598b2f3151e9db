package dial

import (
	"bytes"
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/youmark/pkcs8"
	"software.sslmate.com/src/go-pkcs12"
)

// soon is how long before the end of a certificate's time a warning begins.
const soon = 30 * 24 * time.Hour

// TLS is how a connection is encrypted, and who is at its ends.
type TLS struct {
	// CA holds the authorities that may have signed the broker's certificate, in PEM: a file, or a folder of files. Zero: the
	// system's.
	CA Source
	// Certificate and Key, in PEM, are our own: both or neither. KeyPassword opens an encrypted key.
	Certificate, Key, KeyPassword Source
	// Keystore, in PKCS#12, has both, and perhaps authorities.
	Keystore, KeystorePassword Source
	// CRL lists the certificates that their authorities have withdrawn, in PEM.
	CRL Source
	// CipherSuites are those allowed with TLS 1.2; nil: Go's choice. Curves are those of the key exchange; nil: Go's.
	CipherSuites []uint16
	Curves       []tls.CurveID
	// ServerName is the name that the broker's certificate must be for; empty: the host that was dialled.
	ServerName string
	// SkipVerify takes any certificate; SkipName takes one for any name.
	SkipVerify, SkipName bool
	// SPIFFEIDs are who the broker may be. Its certificate must have one of them; the host's name is then not looked at.
	SPIFFEIDs []string
	// ALPN are the protocols that are offered.
	ALPN []string
}

// material is what TLS is made of, as it was read.
type material struct {
	authorities []*x509.Certificate
	pair        *tls.Certificate    // our own; nil: none
	with        []*x509.Certificate // authorities that came with it
	withdrawn   []*x509.RevocationList
}

// Load reads everything, and returns a configuration for a connection to host, or what is wrong.
func (t *TLS) Load(host string, now time.Time) (*tls.Config, []*Problem) {
	m, problems := t.read(now)
	return t.config(host, m), problems
}

// read reads everything.
func (t *TLS) read(now time.Time) (m material, problems []*Problem) {
	add := func(p ...*Problem) { problems = append(problems, p...) }
	var ps []*Problem
	m.authorities, ps = t.authorities(now)
	add(ps...)
	m.pair, m.with, ps = t.own(now)
	add(ps...)
	var p *Problem
	if m.withdrawn, p = t.withdrawn(); p != nil {
		add(p)
	}
	return m, problems
}

// config is for a connection to host.
func (t *TLS) config(host string, m material) *tls.Config {
	config := &tls.Config{
		MinVersion: tls.VersionTLS12, CipherSuites: t.CipherSuites, CurvePreferences: t.Curves,
		ServerName: cmp.Or(t.ServerName, host), NextProtos: t.ALPN,
	}
	if m.pair != nil {
		config.Certificates = []tls.Certificate{*m.pair}
	}
	if len(m.authorities)+len(m.with) > 0 {
		config.RootCAs = x509.NewCertPool()
		for _, ca := range slices.Concat(m.authorities, m.with) {
			config.RootCAs.AddCert(ca)
		}
	}
	switch {
	case t.SkipVerify:
		config.InsecureSkipVerify = true // asked for by name
	case len(t.SPIFFEIDs) > 0:
		config.InsecureSkipVerify = true // the chain is verified below, and who it is instead of the name
		config.VerifyConnection = both(chainOnly(config.RootCAs), identified(t.SPIFFEIDs))
	case t.SkipName:
		config.InsecureSkipVerify = true // the chain is verified below, the name is not
		config.VerifyConnection = chainOnly(config.RootCAs)
	}
	if len(m.withdrawn) > 0 {
		config.VerifyConnection = both(config.VerifyConnection, notWithdrawn(m.withdrawn))
	}
	return config
}

func (t *TLS) authorities(now time.Time) ([]*x509.Certificate, []*Problem) {
	if t.CA.IsZero() {
		return nil, nil
	}
	raw, err := t.CA.Read()
	if err != nil {
		return nil, []*Problem{wrong(PartCA, err)}
	}
	certificates, err := certificates(raw, t.CA)
	if err != nil {
		return nil, []*Problem{wrong(PartCA, err)}
	}
	var problems []*Problem
	alive := 0
	for _, c := range certificates {
		if now.After(c.NotAfter) {
			continue
		}
		alive++
	}
	if alive == 0 {
		problems = append(problems, wrong(PartCA, fmt.Errorf("every certificate in %s has expired, the last on %s; put the present ones there",
			t.CA, latest(certificates).Format(time.DateOnly))))
	}
	return certificates, problems
}

func latest(certificates []*x509.Certificate) time.Time {
	var last time.Time
	for _, c := range certificates {
		if c.NotAfter.After(last) {
			last = c.NotAfter
		}
	}
	return last
}

// certificates reads those in raw, which came from s.
func certificates(raw []byte, s Source) ([]*x509.Certificate, error) {
	var all []*x509.Certificate
	for block, rest := pem.Decode(raw); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" && block.Type != "TRUSTED CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d in %s is damaged", len(all)+1, s)
		}
		all = append(all, c)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("there is no certificate in %s; it must be PEM, with a line BEGIN CERTIFICATE", s)
	}
	return all, nil
}

// own is our certificate, and the authorities that came with it.
func (t *TLS) own(now time.Time) (*tls.Certificate, []*x509.Certificate, []*Problem) {
	var (
		pair        *tls.Certificate
		authorities []*x509.Certificate
		problems    []*Problem
		part        = PartCertificate
	)
	switch {
	case !t.Keystore.IsZero():
		part = PartKeystore
		var problem *Problem
		if pair, authorities, problem = t.fromKeystore(); problem != nil {
			problems = append(problems, problem)
		}
	case !t.Certificate.IsZero() || !t.Key.IsZero():
		pair, problems = t.fromPEM()
	default:
		return nil, nil, nil
	}
	if len(problems) > 0 {
		return nil, nil, problems
	}
	if p := outdated(part, pair.Leaf, now); p != nil {
		return pair, authorities, []*Problem{p}
	}
	return pair, authorities, nil
}

func outdated(part Part, c *x509.Certificate, now time.Time) *Problem {
	switch {
	case now.After(c.NotAfter):
		return &Problem{Part: part, Dated: true, Message: fmt.Sprintf("our certificate %q has expired on %s; put the present one there",
			c.Subject.CommonName, c.NotAfter.Format(time.DateOnly))}
	case now.Before(c.NotBefore):
		return &Problem{Part: part, Dated: true, Message: fmt.Sprintf("our certificate %q is valid from %s on; is the clock right?",
			c.Subject.CommonName, c.NotBefore.Format(time.RFC3339))}
	case now.Add(soon).After(c.NotAfter):
		return &Problem{Part: part, Warning: true, Message: fmt.Sprintf("our certificate %q expires on %s; renew it",
			c.Subject.CommonName, c.NotAfter.Format(time.DateOnly))}
	}
	return nil
}

func (t *TLS) fromPEM() (*tls.Certificate, []*Problem) {
	var problems []*Problem
	add := func(p *Problem) { problems = append(problems, p) }
	var certificate, key []byte
	if t.Certificate.IsZero() {
		add(&Problem{Part: PartCertificate, Message: "missing; a private key needs its certificate"})
	} else {
		var err error
		if certificate, err = t.Certificate.Read(); err == nil {
			_, err = certificates(certificate, t.Certificate)
		}
		if err != nil {
			add(wrong(PartCertificate, err))
		}
	}
	if t.Key.IsZero() {
		add(&Problem{Part: PartKey, Message: "missing; a certificate needs its private key"})
	} else {
		var problem *Problem
		if key, problem = t.key(); problem != nil {
			add(problem)
		}
	}
	if len(problems) > 0 {
		return nil, problems
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		add(&Problem{Part: PartKey, Message: fmt.Sprintf("the private key in %s does not belong to the certificate in %s, or cannot be read",
			t.Key, t.Certificate)})
		return nil, problems
	}
	return &pair, nil
}

// key is the private key as unencrypted PEM.
func (t *TLS) key() ([]byte, *Problem) {
	return privateKey{t.Key, t.KeyPassword, PartKey, PartKeyPassword}.read()
}

// privateKey is a private key and what opens it, with what they are called in a configuration.
type privateKey struct {
	key, password         Source
	partKey, partPassword Part
}

// read is the key as unencrypted PEM.
func (k privateKey) read() ([]byte, *Problem) {
	raw, err := k.key.Read()
	if err != nil {
		return nil, wrong(k.partKey, err)
	}
	block := keyBlock(raw)
	if block == nil {
		return nil, wrong(k.partKey, fmt.Errorf("there is no private key in %s; it must be PEM, with a line BEGIN PRIVATE KEY", k.key))
	}
	//nolint:staticcheck // what OpenSSL has long written is weak and still in use
	legacy := x509.IsEncryptedPEMBlock(block)
	if !legacy && block.Type != "ENCRYPTED PRIVATE KEY" {
		return pem.EncodeToMemory(block), nil
	}
	if k.password.IsZero() {
		return nil, wrong(k.partPassword, fmt.Errorf("missing; the private key in %s is encrypted", k.key))
	}
	password, err := k.password.Text()
	if err != nil {
		return nil, wrong(k.partPassword, err)
	}
	opened := func(der []byte, err error) ([]byte, *Problem) {
		if err != nil {
			return nil, wrong(k.partPassword, fmt.Errorf("the password does not open the private key in %s", k.key))
		}
		return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
	}
	if legacy {
		der, err := x509.DecryptPEMBlock(block, []byte(password)) //nolint:staticcheck // see above
		if err != nil {
			return opened(nil, err)
		}
		return pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: der}), nil
	}
	private, _, err := pkcs8.ParsePrivateKey(block.Bytes, []byte(password))
	if err != nil {
		return opened(nil, err)
	}
	return opened(x509.MarshalPKCS8PrivateKey(private))
}

func keyBlock(raw []byte) *pem.Block {
	for block, rest := pem.Decode(raw); block != nil; block, rest = pem.Decode(rest) {
		if bytes.HasSuffix([]byte(block.Type), []byte("PRIVATE KEY")) {
			return block
		}
	}
	return nil
}

func (t *TLS) fromKeystore() (*tls.Certificate, []*x509.Certificate, *Problem) {
	raw, err := t.Keystore.Read()
	if err != nil {
		return nil, nil, wrong(PartKeystore, err)
	}
	password, err := t.KeystorePassword.Text()
	if err != nil {
		return nil, nil, wrong(PartKeystorePassword, err)
	}
	key, certificate, authorities, err := pkcs12.DecodeChain(raw, password)
	switch {
	case errors.Is(err, pkcs12.ErrIncorrectPassword):
		return nil, nil, wrong(PartKeystorePassword, fmt.Errorf("the password does not open the keystore in %s", t.Keystore))
	case err != nil:
		return nil, nil, wrong(PartKeystore, fmt.Errorf("%s is not a PKCS#12 keystore with one private key and its certificate", t.Keystore))
	}
	pair := &tls.Certificate{PrivateKey: key, Leaf: certificate, Certificate: [][]byte{certificate.Raw}}
	for _, ca := range authorities {
		if !bytes.Equal(ca.RawIssuer, ca.RawSubject) { // roots are not sent
			pair.Certificate = append(pair.Certificate, ca.Raw)
		}
	}
	return pair, authorities, nil
}

func (t *TLS) withdrawn() ([]*x509.RevocationList, *Problem) {
	if t.CRL.IsZero() {
		return nil, nil
	}
	raw, err := t.CRL.Read()
	if err != nil {
		return nil, wrong(PartCRL, err)
	}
	var lists []*x509.RevocationList
	for block, rest := pem.Decode(raw); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "X509 CRL" {
			continue
		}
		list, err := x509.ParseRevocationList(block.Bytes)
		if err != nil {
			return nil, wrong(PartCRL, fmt.Errorf("list %d in %s is damaged", len(lists)+1, t.CRL))
		}
		lists = append(lists, list)
	}
	if len(lists) == 0 {
		return nil, wrong(PartCRL, fmt.Errorf("there is no list in %s; it must be PEM, with a line BEGIN X509 CRL", t.CRL))
	}
	return lists, nil
}
