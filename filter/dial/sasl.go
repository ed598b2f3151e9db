package dial

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"time"
)

// Mechanism is a way to log in, by its name in SASL.
type Mechanism string

// The mechanisms.
const (
	Plain       Mechanism = "PLAIN"
	SCRAM256    Mechanism = "SCRAM-SHA-256"
	SCRAM512    Mechanism = "SCRAM-SHA-512"
	OAuthBearer Mechanism = "OAUTHBEARER"
	GSSAPI      Mechanism = "GSSAPI"
)

// SASL is how we log in.
type SASL struct {
	Mechanism Mechanism
	// Username and Password are for PLAIN and SCRAM.
	Username, Password Source
	OAuth              *OAuth    // for OAUTHBEARER
	Tokens             *Tokens   // of OAuth, shared by all who log in with it; nil: nobody shares them
	Kerberos           *Kerberos // for GSSAPI
}

// Check reads everything, and says what is wrong.
func (s *SASL) Check() []*Problem {
	switch s.Mechanism {
	case OAuthBearer:
		return s.OAuth.check()
	case GSSAPI:
		return s.Kerberos.check()
	default:
		var problems []*Problem
		for _, secret := range []struct {
			part   Part
			source Source
		}{{PartUsername, s.Username}, {PartPassword, s.Password}} {
			if p := present(secret.part, secret.source, string(s.Mechanism)); p != nil {
				problems = append(problems, p)
			}
		}
		return problems
	}
}

// present sees that there is something at a source.
func present(part Part, s Source, mechanism string) *Problem {
	if s.IsZero() {
		return &Problem{Part: part, Message: fmt.Sprintf("missing; %s needs it", mechanism)}
	}
	text, err := s.Text()
	switch {
	case err != nil:
		return wrong(part, err)
	case text == "":
		return wrong(part, fmt.Errorf("%s is empty; %s needs it", s, mechanism))
	}
	return nil
}

// Secret is what is at a source, for user, which needs it. An error names neither the file nor the variable: their names may be the secret
// in a wrong place.
func Secret(s Source, user string) (string, error) {
	if p := present(PartPassword, s, user); p != nil {
		return "", p
	}
	return s.Text()
}

// Fingerprint changes when what a connection is made from does. It is zero as long as something cannot be read: that is a
// moment in which files are being replaced.
func (s *Settings) Fingerprint() [sha256.Size]byte { return fingerprint(s.sources()) }

func fingerprint(sources []Source) (sum [sha256.Size]byte) {
	hash := sha256.New()
	for _, source := range sources {
		raw, err := source.Read()
		if err != nil {
			return [sha256.Size]byte{}
		}
		part := sha256.Sum256(raw)
		hash.Write(part[:])
	}
	return [sha256.Size]byte(hash.Sum(nil))
}

// Changes says whether anything that connections are made from can change while we run.
func (s *Settings) Changes() bool { return len(s.sources()) > 0 }

// sources are the files, which alone can change.
func (s *Settings) sources() []Source {
	var all []Source
	if t := s.TLS; t != nil {
		all = append(all, t.CA, t.Certificate, t.Key, t.KeyPassword, t.Keystore, t.KeystorePassword, t.CRL)
	}
	if l := s.SASL; l != nil {
		all = append(all, l.Username, l.Password)
		if o := l.OAuth; o != nil {
			all = append(all, o.sources()...)
		}
		if k := l.Kerberos; k != nil {
			all = append(all, Source{File: k.Keytab})
		}
	}
	return files(all)
}

// files are those of sources that are files.
func files(sources []Source) []Source {
	return slices.DeleteFunc(sources, func(s Source) bool { return s.File == "" })
}

// Check reads everything that connections are made from, and says what is wrong, or will be soon.
func (s *Settings) Check(now time.Time) []*Problem {
	var problems []*Problem
	if s.TLS != nil {
		_, problems = s.TLS.Load("", now)
	}
	if s.SASL != nil {
		problems = append(problems, s.SASL.Check()...)
	}
	return problems
}
