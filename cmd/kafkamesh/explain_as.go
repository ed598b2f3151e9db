package main

import (
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/authorizer"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/config"
)

// authorization is what a principal may do with a topic or a group.
type authorization struct {
	config *config.Config
	rights *authorizer.Rights
	as     string
	out    printer
}

func newAuthorization(c *config.Config, principal string, out printer) *authorization {
	return &authorization{config: c, rights: authorizer.New(c.Authorization).For(principal), as: principal, out: out}
}

// explain prints which rule decides each operation.
func (a *authorization) explain(kind authorizer.Kind, name string) {
	a.out.printf("\nAuthorization of %s, of which the first rule that matches decides:\n", a.shown())
	if len(a.config.Authorization) == 0 {
		a.out.printf("  there is none: every client may do everything\n")
		return
	}
	tabs := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0) //nolint:mnd // columns are two spaces apart
	table := printer{tabs}
	kind.Operations().Each(func(o authorizer.Operation) {
		said := a.said(a.rights.Decide(o, kind, name))
		if create := a.rights.Decide(authorizer.Create, authorizer.Cluster, ""); o == authorizer.Create && create.Allowed {
			said = a.said(create) + ", of any topic"
		}
		table.printf("  %v\t%s\n", o, said)
	})
	_ = tabs.Flush() // to a user who may be gone
}

// said is a decision in words.
func (a *authorization) said(d authorizer.Decision) string {
	word := "denied"
	if d.Allowed {
		word = "allowed"
	}
	if d.Rule == authorizer.NoRule {
		return word + ": no rule matches"
	}
	return fmt.Sprintf("%s by authorization.rules[%d]%s", word, d.Rule, named(a.config.Authorization[d.Rule].Name))
}

// may reports whether one of some operations is allowed.
func (a *authorization) may(kind authorizer.Kind, name string, some ...authorizer.Operation) bool {
	for _, o := range some {
		if a.rights.May(o, kind, name) {
			return true
		}
	}
	return false
}

// finding is that somebody may not do what is what something is for.
func (a *authorization) finding(what string) Finding {
	do := "add a rule to authorization that allows it, before one that denies it"
	if strings.HasPrefix(a.as, "User:") {
		do = "principals have no User: before them here: ask for what follows it"
	}
	return Finding{What: fmt.Sprintf("%s may not %s", a.shown(), what), Do: do}
}

// shown is the principal as it is printed.
func (a *authorization) shown() string { return shownName(a.as) }

// shownName is a principal as it is printed.
func shownName(principal string) string {
	const most = 256
	for _, r := range principal {
		if !strconv.IsPrint(r) || len(principal) > most {
			return strconv.Quote(principal[:min(len(principal), most)])
		}
	}
	return principal
}
