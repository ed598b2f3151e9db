package credential

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/dial"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/follower"
)

// Credential is who a principal is to a cluster, and how to prove to be that. It is a secret.
type Credential struct {
	// Name is a user, a client of the token server, or a principal of Kerberos. Empty: what is in the files says who it is.
	Name string
	// Secret is a user's password, or a client's secret.
	Secret string
	// File holds a token, a keytab, or the private key of what Certificate holds.
	File, Certificate string
}

// String keeps the secret from being printed.
func (Credential) String() string { return "a credential" }

// GoString is the same for %#v.
func (Credential) GoString() string { return "credential.Credential{…}" }

// SameUser reports whether another is for the same user: all that it has is another secret.
func (c Credential) SameUser(other Credential) bool {
	c.Secret = other.Secret
	return c == other
}

// atFile is where a configuration says who principals are, for errors.
const atFile = "identity.mapped.credentials_file"

// way is how clients log in to a cluster as users of their own: as the mesh does.
type way uint8

const (
	byPassword way = iota
	byCertificate
	byToken
	byKeytab
)

// wayTo is that to a cluster which the mesh reaches so.
func wayTo(of dial.Settings) way {
	switch {
	case of.SASL == nil:
		return byCertificate
	case of.SASL.Mechanism == dial.OAuthBearer:
		return byToken
	case of.SASL.Mechanism == dial.GSSAPI:
		return byKeytab
	default:
		return byPassword
	}
}

// form is what each line of a file for such a cluster is, in words.
func form(of dial.Settings) string {
	switch wayTo(of) {
	case byCertificate:
		return "a principal, the file of a certificate and the file of its private key"
	case byKeytab:
		return "a principal, a principal of Kerberos and the file of its keytab"
	case byToken:
		if of.SASL.OAuth.TokenURL == "" {
			return "a principal and the file of a token"
		}
		return "a principal and the file of a token, or a principal, a client id and its secret"
	default:
		return "a principal, a user name and a password"
	}
}

// read is what stands behind the principal of a line.
func read(words []string, of dial.Settings) (Credential, error) {
	if slices.Contains(words, "") {
		return Credential{}, errors.New("an empty word behind the principal")
	}
	to := wayTo(of)
	switch {
	case to == byToken && len(words) == 1:
		return Credential{File: words[0]}, nil
	case len(words) != 2, to == byToken && of.SASL.OAuth.TokenURL == "":
		return Credential{}, errors.New("not " + form(of) + "; put what has blanks in it into quotation marks")
	case to == byCertificate:
		return Credential{Certificate: words[0], File: words[1]}, nil
	case to == byKeytab:
		return Credential{Name: words[0], File: words[1]}, nil
	default:
		return Credential{Name: words[0], Secret: words[1]}, nil
	}
}

// in is how a cluster, which the mesh reaches so, is reached with a credential.
func (c Credential) in(of dial.Settings) dial.Settings {
	to := wayTo(of)
	if to == byCertificate {
		encrypted := *of.TLS
		encrypted.Certificate, encrypted.Key = dial.Source{File: c.Certificate}, dial.Source{File: c.File}
		encrypted.KeyPassword, encrypted.Keystore, encrypted.KeystorePassword = dial.Source{}, dial.Source{}, dial.Source{}
		of.TLS = &encrypted
		return of
	}
	l := *of.SASL
	switch to {
	case byToken:
		l.OAuth, l.Tokens = c.oauth(of.SASL.OAuth), nil
	case byKeytab:
		kerberos := *l.Kerberos
		kerberos.Principal, kerberos.Keytab, kerberos.TicketCache = c.Name, c.File, ""
		l.Kerberos = &kerberos
	default:
		l.Username, l.Password = dial.Source{Inline: c.Name}, dial.Source{Inline: c.Secret}
	}
	of.SASL = &l
	return of
}

// oauth is where tokens of a credential come from, where the mesh's own come from of.
func (c Credential) oauth(of *dial.OAuth) *dial.OAuth {
	if c.File != "" {
		return &dial.OAuth{At: atFile, TokenFile: dial.Source{File: c.File}, Extensions: of.Extensions}
	}
	return &dial.OAuth{
		At: atFile, TokenURL: of.TokenURL, ClientID: dial.Source{Inline: c.Name}, ClientSecret: dial.Source{Inline: c.Secret},
		Scope: of.Scope, Parameters: of.Parameters, CA: of.CA, Extensions: of.Extensions,
	}
}

// problems are what is wrong with the files that a credential names.
func (c Credential) problems(of dial.Settings, now time.Time) []*dial.Problem {
	if c.File == "" {
		return nil
	}
	own := c.in(of)
	if own.TLS = nil; c.Certificate != "" {
		// The name may be a password, in a file that was written for another login.
		if _, err := dial.Secret(dial.Source{File: c.Certificate}, "a login"); err != nil {
			return []*dial.Problem{{Part: dial.PartCertificate, Message: err.Error()}}
		}
		own.TLS = &dial.TLS{Certificate: dial.Source{File: c.Certificate}, Key: dial.Source{File: c.File}}
	}
	return own.Check(now)
}

// check looks at the files that lines name. What is wrong is refused, but for what was there before, and for what is too old or too young:
// that is the trouble of one principal, and not of who else is in the file. It is told as a warning.
func (t *Table) check(before *Table, of dial.Settings, now time.Time) (warning string, err error) {
	var wrong, warned follower.Mistakes
	for _, l := range t.lines {
		for _, p := range l.credential.problems(of, now) {
			said := fmt.Errorf("line %d: %s: %s", l.number, strings.ReplaceAll(string(p.Part), "_", " "), p.Message)
			if p.Warning || p.Dated || before.has(l.credential) {
				warned.Add(said)
			} else {
				wrong.Add(said)
			}
		}
	}
	if err := warned.Err(); err != nil {
		warning = strings.ReplaceAll(err.Error(), "\n", "; ")
	}
	return warning, wrong.Err()
}
