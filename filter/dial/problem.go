package dial

import (
	"errors"
	"strings"
)

// Part is a part of what connections are made from. The configuration knows by which name of its own it was given.
type Part string

// The parts that something can be wrong with.
const (
	PartCA               Part = "ca"
	PartCertificate      Part = "certificate"
	PartKey              Part = "key"
	PartKeyPassword      Part = "key_password"
	PartKeystore         Part = "keystore"
	PartKeystorePassword Part = "keystore_password"
	PartCRL              Part = "crl"
	PartUsername         Part = "username"
	PartPassword         Part = "password"
	PartTokenURL         Part = "token_url"
	PartTokenFile        Part = "token_file"
	PartClientID         Part = "client_id"
	PartClientSecret     Part = "client_secret"
	PartTokenCA          Part = "token_ca"
	PartAssertion        Part = "assertion"
	PartAssertionFile    Part = "assertion_file"
	PartAssertionKey     Part = "assertion_key"
	PartAssertionOpener  Part = "assertion_key_password"
	PartAssertionForm    Part = "assertion_template"
	PartCloudCredentials Part = "cloud_credentials" //nolint:gosec // a name
	PartKeytab           Part = "keytab"
	PartTicketCache      Part = "ticket_cache"
	PartKerberosConfig   Part = "kerberos_config"
)

// Problem is what is wrong with a part, or will be soon, and what to do.
type Problem struct { //nolint:errname // it is what is wrong with a part, and an error only where that ends a dial
	Part    Part
	Message string
	Warning bool // it works today
	Dated   bool // it is too old or too young, and nothing else
}

// NewProblem is that a part cannot be used. It does not name the file of a part that is secret: that may be the secret in a wrong place.
func NewProblem(part Part, err error) *Problem { return wrong(part, err) }

// Error is the message.
func (p *Problem) Error() string { return p.Message }

// located is the problem with its part before it, for who has not been told where in a configuration it is.
func (p *Problem) located() error {
	what := strings.ReplaceAll(string(p.Part), "_", " ")
	switch p.Part { //nolint:exhaustive // the others are called what they are
	case PartCA:
		what = "authorities"
	case PartCRL:
		what = "list of withdrawn certificates"
	}
	return InWords("our "+what+": "+p.Message, p)
}

func wrong(part Part, err error) *Problem {
	if missing, ok := errors.AsType[*missingError](err); ok && !part.public() {
		return &Problem{Part: part, Message: missing.unnamed()}
	}
	_, dated := errors.AsType[*expiredError](err)
	return &Problem{Part: part, Message: err.Error(), Dated: dated}
}

// public tells whether nobody writes a secret where the name of this part's file belongs.
func (p Part) public() bool {
	switch p {
	case PartCA, PartCertificate, PartCRL, PartTokenCA, PartKerberosConfig, PartAssertionForm:
		return true
	default:
		return false
	}
}
