package dial

import (
	"crypto/tls"
	"fmt"
	"slices"
	"strings"
)

// openSSL has the names that OpenSSL, and so librdkafka, gives to the suites that Go has too.
//
//nolint:gochecknoglobals // a table
var openSSL = map[string]uint16{
	"ECDHE-RSA-AES128-GCM-SHA256":   tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	"ECDHE-RSA-AES256-GCM-SHA384":   tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	"ECDHE-ECDSA-AES128-GCM-SHA256": tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
	"ECDHE-ECDSA-AES256-GCM-SHA384": tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
	"ECDHE-RSA-CHACHA20-POLY1305":   tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
	"ECDHE-ECDSA-CHACHA20-POLY1305": tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
	"ECDHE-RSA-AES128-SHA":          tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA,
	"ECDHE-RSA-AES256-SHA":          tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA,
	"ECDHE-ECDSA-AES128-SHA":        tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA,
	"ECDHE-ECDSA-AES256-SHA":        tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA,
}

//nolint:gochecknoglobals // a table
var curves = map[string]tls.CurveID{
	"X25519": tls.X25519, "x25519": tls.X25519,
	"P-256": tls.CurveP256, "prime256v1": tls.CurveP256, "secp256r1": tls.CurveP256,
	"P-384": tls.CurveP384, "secp384r1": tls.CurveP384,
	"P-521": tls.CurveP521, "secp521r1": tls.CurveP521,
	"X25519MLKEM768": tls.X25519MLKEM768,
}

// CipherSuites reads the names of TLS 1.2's suites, OpenSSL's or IANA's, separated by colons or commas.
func CipherSuites(list string) ([]uint16, error) {
	var ids []uint16
	for i, name := range split(list) {
		id, ok := openSSL[name]
		if !ok {
			known := slices.IndexFunc(tls.CipherSuites(), func(s *tls.CipherSuite) bool { return s.Name == name })
			if known < 0 {
				return nil, fmt.Errorf("suite %d of the list is not known here; write OpenSSL's or IANA's name of one of TLS 1.2, such as ECDHE-RSA-AES128-GCM-SHA256", i+1)
			}
			id = tls.CipherSuites()[known].ID
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// Curves reads names of curves, separated by colons or commas.
func Curves(list string) ([]tls.CurveID, error) {
	var ids []tls.CurveID
	for i, name := range split(list) {
		id, ok := curves[name]
		if !ok {
			return nil, fmt.Errorf("curve %d of the list is not known here; write X25519, P-256, P-384, P-521 or X25519MLKEM768", i+1)
		}
		ids = append(ids, id)
	}
	return ids, nil
}

func split(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ':' || r == ',' || r == ' ' })
}
