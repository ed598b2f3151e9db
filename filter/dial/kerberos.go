package dial

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/jcmturner/gokrb5/v8/config"
	"github.com/jcmturner/gokrb5/v8/credentials"
	"github.com/jcmturner/gokrb5/v8/keytab"
)

// Kerberos is who we are for GSSAPI, and by what we prove it.
type Kerberos struct {
	Service   string // the first part of the brokers' principals
	Principal string // ours: name, or name@REALM; with a ticket cache it may be empty
	// Keytab and TicketCache are files; one of them.
	Keytab, TicketCache string
	Config              string // krb5.conf
}

// Identity is our name and realm. A realm that the principal does not have is krb5.conf's default.
func (k *Kerberos) Identity() (name, realm string, err error) {
	name, realm, _ = strings.Cut(k.Principal, "@")
	if realm != "" && name != "" {
		return name, realm, nil
	}
	c, err := config.Load(k.Config)
	if err != nil {
		return "", "", fmt.Errorf("%s cannot be read as a krb5.conf", readable(k.Config))
	}
	if realm = cmp.Or(realm, c.LibDefaults.DefaultRealm); realm == "" {
		return "", "", fmt.Errorf("%s has no default_realm; write our principal as NAME@REALM", readable(k.Config))
	}
	return cmp.Or(name, "ticket"), realm, nil // the tickets in a cache say whose they are
}

func (k *Kerberos) check() []*Problem {
	var problems []*Problem
	add := func(part Part, err error) { problems = append(problems, wrong(part, err)) }
	if _, err := (Source{File: k.Config}).Read(); err != nil {
		add(PartKerberosConfig, err)
	} else if _, _, err := k.Identity(); err != nil {
		add(PartKerberosConfig, err)
	}
	switch {
	case k.Keytab != "" && k.TicketCache != "":
		add(PartTicketCache, errors.New("a keytab is given too; keep one of them"))
	case k.Keytab != "":
		if _, err := (Source{File: k.Keytab}).Read(); err != nil {
			add(PartKeytab, err)
		} else if _, err := keytab.Load(k.Keytab); err != nil {
			add(PartKeytab, fmt.Errorf("%s is not a keytab", readable(k.Keytab)))
		}
	case k.TicketCache != "":
		if _, err := (Source{File: k.TicketCache}).Read(); err != nil {
			add(PartTicketCache, err)
		} else if _, err := credentials.LoadCCache(k.TicketCache); err != nil {
			add(PartTicketCache, fmt.Errorf("%s is not a ticket cache", readable(k.TicketCache)))
		}
	default:
		add(PartKeytab, errors.New("missing; GSSAPI needs a keytab, or a ticket cache"))
	}
	return problems
}
