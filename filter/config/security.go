package config

import (
	"cmp"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/dial"
	kafkameshv1 "github.com/kafkamesh/envoy-kafka-mesh/proto/kafkamesh/v1"
)

func isProtocol(p string) bool {
	return p == "plaintext" || p == "ssl" || p == "sasl_plaintext" || p == "sasl_ssl"
}

// security reads how a cluster's connections are encrypted and how to log in, from producer_config or from tls and sasl.
type security struct {
	config  *Config
	bad     *mistakes
	cluster *Cluster
	given   *given
	at      string // the cluster's path
	scheme  string // of bootstrap_servers
	tls     *kafkameshv1.Tls
	sasl    *kafkameshv1.Sasl

	paths map[dial.Part]string // where each part of it is written
}

func (s *security) read() {
	s.paths = map[dial.Part]string{}
	encrypted, login := s.protocol()
	s.readTLS(encrypted)
	s.readSASL(login)
	for _, p := range s.cluster.Dial.Check(time.Now()) {
		path := cmp.Or(s.paths[p.Part], s.at)
		switch {
		case p.Warning:
			s.config.warn(path, "%s", p.Message)
		case s.comesLater(p.Part):
			s.config.warn(path, "%s; connections wait until that is right", p.Message)
		case !s.bad.has(path): // one mistake is often the cause of the other
			if s.bad.given[path] {
				p.Message = strings.Replace(p.Message, "missing; ", "is empty; ", 1)
			}
			s.bad.add(path, "%s", p.Message)
		}
	}
}

// comesLater says whether a part is a file that an agent of a service mesh writes, and writes anew whenever it likes: it may not be there yet,
// or just be replaced.
func (s *security) comesLater(part dial.Part) bool {
	t := s.cluster.Dial.TLS
	if t == nil || len(t.SPIFFEIDs) == 0 {
		return false
	}
	source := map[dial.Part]dial.Source{dial.PartCA: t.CA, dial.PartCertificate: t.Certificate, dial.PartKey: t.Key}[part]
	return source.File != ""
}

// protocol is what security.protocol, the servers' scheme and the fields tls and sasl say together.
func (s *security) protocol() (encrypted, login bool) {
	said, path := s.given.values["security.protocol"], s.given.at("security.protocol")
	if said != "" && s.scheme != "" && said != s.scheme {
		s.bad.add(path, "is %s, and bootstrap_servers begin with %s://; make them agree", said, strings.ToUpper(s.scheme))
	}
	said = cmp.Or(said, s.scheme)
	if said == "" {
		return s.tls != nil, s.sasl != nil
	}
	encrypted, login = strings.HasSuffix(said, "ssl"), strings.HasPrefix(said, "sasl")
	if s.given.has("security.protocol") && (s.tls != nil || s.sasl != nil) {
		s.bad.add(path, "is given, and the fields tls or sasl too, which say the same; %s", s.instead(encrypted, login))
		return encrypted || s.tls != nil, login || s.sasl != nil
	}
	if s.tls != nil && !encrypted {
		s.bad.add(join(s.at, "tls"), "is given, and bootstrap_servers begin with %s://; remove that", strings.ToUpper(said))
	}
	if s.sasl != nil && !login {
		s.bad.add(join(s.at, "sasl"), "is given, and bootstrap_servers begin with %s://; remove that", strings.ToUpper(said))
	}
	return encrypted, login
}

// instead says how the fields say what security.protocol does.
func (s *security) instead(encrypted, login bool) string {
	switch {
	case encrypted && s.tls == nil:
		return "remove it, and write tls: {} beside sasl"
	case login && s.sasl == nil:
		return "remove it, and write the login into the field sasl"
	default:
		return "remove it"
	}
}

// misplaced reports properties of a group that cannot have an effect.
func (s *security) misplaced(belongs func(name string) bool, on bool, field, protocols string, twice bool) {
	for _, name := range slices.Sorted(maps.Keys(s.given.values)) {
		switch {
		case !belongs(name) || !treatments()[name].security:
		case twice:
			s.bad.add(s.given.at(name), "is given, and the field %s too; say it in one place", field)
		case !on:
			s.bad.add(s.given.at(name), "has no effect without %s; set security.protocol to %s, or remove it", strings.ToUpper(field), protocols)
		}
	}
}

func isTLS(name string) bool {
	return strings.HasPrefix(name, "ssl.") || name == "enable.ssl.certificate.verification"
}

func isSASL(name string) bool {
	return strings.HasPrefix(name, "sasl.") || strings.HasPrefix(name, "https.ca.")
}

func (s *security) readSASL(on bool) {
	s.misplaced(isSASL, on, "sasl", "sasl_plaintext or sasl_ssl", s.sasl != nil)
	if !on {
		return
	}
	if s.sasl != nil {
		s.typedSASL()
	} else {
		s.givenSASL()
	}
	l := s.cluster.Dial.SASL
	if l != nil && l.Mechanism == dial.Plain && s.cluster.Dial.TLS == nil {
		s.config.warn(s.at, "the password is sent in plain text: PLAIN without TLS")
	}
	if l != nil && l.OAuth != nil && l.OAuth.Cloud != nil && s.cluster.Dial.TLS == nil {
		s.config.warn(s.at, "the token is sent in plain text: OAUTHBEARER without TLS")
	}
	if l != nil && l.OAuth != nil && strings.HasPrefix(l.OAuth.TokenURL, "http://") {
		s.config.warn(s.paths[dial.PartTokenURL], "the client's secret is sent in plain text; write an https:// URL")
	}
}

func (s *security) givenSASL() {
	v := s.given.values
	mechanism := dial.Mechanism(strings.ToUpper(v["sasl.mechanisms"]))
	l := &dial.SASL{
		Mechanism: mechanism,
		Username:  s.text(dial.PartUsername, "sasl.username"),
		Password:  s.text(dial.PartPassword, "sasl.password"),
	}
	path := s.given.at("sasl.mechanisms")
	if s.bad.has(path) || s.bad.has(s.given.at(metadataType)) {
		return // it is refused already, and what it needs has no use
	}
	switch mechanism {
	case dial.Plain, dial.SCRAM256, dial.SCRAM512:
	case dial.OAuthBearer:
		if l.OAuth = s.givenOAuth(); l.OAuth == nil {
			return
		}
	case dial.GSSAPI:
		l.Kerberos = &dial.Kerberos{
			Service:   cmp.Or(v["sasl.kerberos.service.name"], "kafka"),
			Principal: cmp.Or(v["sasl.kerberos.principal"], "kafkaclient"),
			Keytab:    v["sasl.kerberos.keytab"],
			Config:    krb5Config(),
		}
		s.paths[dial.PartKeytab] = s.given.at("sasl.kerberos.keytab")
		if l.Kerberos.Keytab == "" { // as librdkafka without one
			l.Kerberos.TicketCache = strings.TrimPrefix(os.Getenv("KRB5CCNAME"), "FILE:")
		}
	case "":
		s.bad.add(path, "missing; write %s", mechanisms)
		return
	case "AWS_MSK_IAM":
		l.Mechanism, l.OAuth = dial.OAuthBearer, &dial.OAuth{
			At: path, Cloud: s.amazon(path, "", &kafkameshv1.OAuth_Aws{}), Extensions: s.givenExtensions("sasl.oauthbearer.extensions"),
		}
	default:
		if near := Nearest(string(mechanism), strings.Split(strings.ReplaceAll(mechanisms, " or ", ", "), ", ")); near != "" {
			s.bad.add(path, "is not known; did you mean %s?", near)
			return
		}
		s.bad.add(path, "is not known; write %s", mechanisms)
		return
	}
	s.logIn(l)
}

// logIn has the cluster's connections log in by l.
func (s *security) logIn(l *dial.SASL) {
	if l.OAuth != nil {
		l.Tokens = dial.NewTokens(l.OAuth)
	}
	s.cluster.Dial.SASL = l
}

const mechanisms = "PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER, AWS_MSK_IAM or GSSAPI"

func (s *security) typedSASL() {
	at := join(s.at, "sasl")
	l := &dial.SASL{
		Username: s.source(dial.PartUsername, at, "username", s.sasl.GetUsername()),
		Password: s.source(dial.PartPassword, at, "password", s.sasl.GetPassword()),
	}
	switch s.sasl.GetMechanism() {
	case kafkameshv1.Sasl_MECHANISM_PLAIN:
		l.Mechanism = dial.Plain
	case kafkameshv1.Sasl_MECHANISM_SCRAM_SHA_256:
		l.Mechanism = dial.SCRAM256
	case kafkameshv1.Sasl_MECHANISM_SCRAM_SHA_512:
		l.Mechanism = dial.SCRAM512
	case kafkameshv1.Sasl_MECHANISM_OAUTHBEARER:
		l.Mechanism, l.OAuth = dial.OAuthBearer, s.typedOAuth(join(at, "oauth"), s.sasl.GetOauth())
	case kafkameshv1.Sasl_MECHANISM_GSSAPI:
		l.Mechanism, l.Kerberos = dial.GSSAPI, s.typedKerberos(join(at, "kerberos"), s.sasl.GetKerberos())
	case kafkameshv1.Sasl_MECHANISM_UNSPECIFIED:
		s.bad.add(join(at, "mechanism"), "missing; write MECHANISM_PLAIN, MECHANISM_SCRAM_SHA_256, MECHANISM_SCRAM_SHA_512, MECHANISM_OAUTHBEARER or MECHANISM_GSSAPI")
		return
	default:
		s.bad.add(join(at, "mechanism"), "%d is not known", s.sasl.GetMechanism())
		return
	}
	for field, unused := range map[string]bool{
		"oauth":    s.sasl.GetOauth() != nil && l.OAuth == nil,
		"kerberos": s.sasl.GetKerberos() != nil && l.Kerberos == nil,
		"username": s.sasl.GetUsername() != nil && (l.OAuth != nil || l.Kerberos != nil),
		"password": s.sasl.GetPassword() != nil && (l.OAuth != nil || l.Kerberos != nil),
	} {
		if unused {
			s.bad.add(join(at, field), "has no effect with %s; remove it", l.Mechanism)
		}
	}
	s.logIn(l)
}

func (s *security) typedKerberos(at string, k *kafkameshv1.Kerberos) *dial.Kerberos {
	s.paths[dial.PartKeytab], s.paths[dial.PartTicketCache] = join(at, "keytab"), join(at, "ticket_cache")
	s.paths[dial.PartKerberosConfig] = join(at, "config")
	if k.GetKeytab() != "" && k.GetPrincipal() == "" {
		s.bad.add(join(at, "principal"), "missing; write the principal whose key is in the keytab")
	}
	return &dial.Kerberos{
		Service:     cmp.Or(k.GetServiceName(), "kafka"),
		Principal:   k.GetPrincipal(),
		Keytab:      k.GetKeytab(),
		TicketCache: k.GetTicketCache(),
		Config:      cmp.Or(k.GetConfig(), krb5Config()),
	}
}

// krb5Config is the file that MIT's Kerberos takes.
func krb5Config() string { return cmp.Or(os.Getenv("KRB5_CONFIG"), "/etc/krb5.conf") }

// file is a property that names a file.
func (s *security) file(part dial.Part, name string) dial.Source {
	s.paths[part] = s.given.at(name)
	file := s.given.values[name]
	if file == "probe" && (part == dial.PartCA || part == dial.PartTokenCA) {
		file = "" // librdkafka's word for the system's authorities
	}
	return dial.Source{File: file}
}

// text is a property that is the thing itself.
func (s *security) text(part dial.Part, name string) dial.Source {
	s.paths[part] = s.given.at(name)
	return dial.Source{Inline: s.given.values[name]}
}

// fileOrText is one of two properties.
func (s *security) fileOrText(part dial.Part, location, pem string) dial.Source {
	if !s.given.has(pem) {
		return s.file(part, location)
	}
	if s.given.has(location) {
		s.bad.add(s.given.at(pem), "is given, and %s too; keep one", location)
	}
	return s.text(part, pem)
}

// source is a field of the message at a path.
func (s *security) source(part dial.Part, at, field string, d *kafkameshv1.DataSource) dial.Source {
	path := join(at, field)
	s.paths[part] = path
	return dataSource(s.bad, path, d)
}
