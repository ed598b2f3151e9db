package tcp

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"unicode/utf16"
)

// names are those in a certificate that a client may be called by: the first of those as URI and for DNS, as they stand there, and the
// subject as Envoy writes it. What cannot be read is empty.
type names struct{ uri, dns, subject string }

func namesIn(c *x509.Certificate) (n names) {
	n.uri, n.dns = alternatives(c)
	n.subject = distinguished(c.RawSubject)
	return n
}

// alternatives are the first of a certificate's alternative names as URI and for DNS.
func alternatives(c *x509.Certificate) (uri, dns string) {
	const dnsTag, uriTag = 2, 6
	for _, e := range c.Extensions {
		if !e.Id.Equal(asn1.ObjectIdentifier{2, 5, 29, 17}) { // subjectAltName
			continue
		}
		var names []asn1.RawValue
		if _, err := asn1.Unmarshal(e.Value, &names); err != nil {
			return "", ""
		}
		for _, n := range names {
			switch {
			case n.Class != asn1.ClassContextSpecific:
			case n.Tag == dnsTag && dns == "":
				dns = string(n.Bytes)
			case n.Tag == uriTag && uri == "":
				uri = string(n.Bytes)
			}
		}
	}
	return uri, dns
}

// attribute is one part of a distinguished name, such as CN=orders.
type attribute struct {
	Type  asn1.ObjectIdentifier
	Value asn1.RawValue
}

// relativeSET is what stands between two commas; encoding/asn1 knows by the name that it is a set.
type relativeSET []attribute

// distinguished writes a name as Envoy does: by RFC 2253, with OpenSSL's short names, the last part first, and no byte that is not ASCII.
func distinguished(raw []byte) string {
	var parts []relativeSET
	if rest, err := asn1.Unmarshal(raw, &parts); err != nil || len(rest) > 0 {
		return ""
	}
	texts := make([]string, 0, len(parts))
	for _, part := range slices.Backward(parts) {
		together := make([]string, 0, len(part))
		for _, a := range slices.Backward(part) {
			together = append(together, a.String())
		}
		texts = append(texts, strings.Join(together, "+"))
	}
	return strings.Join(texts, ",")
}

// shortNames are OpenSSL's for what is in names of X.509.
func shortNames() map[string]string {
	return map[string]string{
		"2.5.4.3": "CN", "2.5.4.4": "SN", "2.5.4.5": "serialNumber", "2.5.4.6": "C", "2.5.4.7": "L", "2.5.4.8": "ST", "2.5.4.9": "street",
		"2.5.4.10": "O", "2.5.4.11": "OU", "2.5.4.12": "title", "2.5.4.13": "description", "2.5.4.15": "businessCategory", "2.5.4.17": "postalCode",
		"2.5.4.20": "telephoneNumber", "2.5.4.41": "name", "2.5.4.42": "GN", "2.5.4.43": "initials", "2.5.4.44": "generationQualifier",
		"2.5.4.45": "x500UniqueIdentifier", "2.5.4.46": "dnQualifier", "2.5.4.65": "pseudonym", "2.5.4.72": "role",
		"1.2.840.113549.1.9.1": "emailAddress", "1.2.840.113549.1.9.2": "unstructuredName",
		"0.9.2342.19200300.100.1.1": "UID", "0.9.2342.19200300.100.1.25": "DC",
	}
}

// String is NAME=VALUE. What is not known is written as the bytes that it is.
func (a attribute) String() string {
	name, known := shortNames()[a.Type.String()]
	if !known {
		name = a.Type.String()
	}
	if text, ok := a.text(); ok && known {
		return name + "=" + escaped(text)
	}
	return fmt.Sprintf("%s=#%X", name, a.Value.FullBytes)
}

// text is the value in UTF-8, if it is a text.
func (a attribute) text() (string, bool) {
	value := a.Value.Bytes
	if a.Value.Class != asn1.ClassUniversal {
		return "", false
	}
	switch a.Value.Tag {
	case asn1.TagUTF8String, asn1.TagPrintableString, asn1.TagIA5String, asn1.TagNumericString:
		return string(value), true
	case asn1.TagT61String: // taken for ISO 8859-1
		runes := make([]rune, len(value))
		for i, b := range value {
			runes[i] = rune(b)
		}
		return string(runes), true
	case asn1.TagBMPString:
		if len(value)%2 != 0 {
			return "", false
		}
		units := make([]uint16, len(value)/2)
		for i := range units {
			units[i] = binary.BigEndian.Uint16(value[2*i:])
		}
		return string(utf16.Decode(units)), true
	default:
		return "", false
	}
}

// escaped is a value of RFC 2253, all of whose bytes that are not printable ASCII are written as numbers.
func escaped(text string) string {
	var b bytes.Buffer
	for i := range len(text) {
		c := text[i]
		first, last := i == 0, i == len(text)-1
		switch {
		case c < ' ' || c >= 0x7f:
			fmt.Fprintf(&b, `\%02X`, c)
		case strings.IndexByte(`,+"\<>;`, c) >= 0, first && (c == ' ' || c == '#'), last && c == ' ':
			b.WriteByte('\\')
			b.WriteByte(c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}
