package main

import (
	"fmt"
	"strings"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/authorizer"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/config"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/quota"
)

// explainQuotas prints which rules of quotas count for a principal. By what its clients call themselves there may be several.
func explainQuotas(c *config.Config, principal string, out printer) {
	if len(c.Quotas) == 0 {
		return
	}
	out.printf("\nQuotas of %s, of which the first that matches counts:\n", shownName(principal))
	for _, place := range quota.PlacesOf(c.Quotas, principal) {
		if place == authorizer.NoRule {
			out.printf("  else none: it may do as much as it can\n")
			continue
		}
		r, of := &c.Quotas[place], ""
		if len(r.ClientIDs) > 0 {
			of = ", of clients that call themselves " + strings.Join(r.ClientIDs, ", ")
		}
		out.printf("  quotas.rules[%d]%s%s: %s\n", place, named(r.Name), of, limits(r))
	}
}

// named is a rule's name, if it has one.
func named(name string) string {
	if name == "" {
		return ""
	}
	return " (" + name + ")"
}

// limits are a rule's, in words.
func limits(r *quota.Rule) string {
	var all []string
	for _, l := range []struct {
		most int64
		what string
	}{{r.ProduceBytes, "bytes written"}, {r.FetchBytes, "bytes read"}, {r.Requests, "requests"}} {
		if l.most > 0 {
			all = append(all, fmt.Sprintf("%d %s", l.most, l.what))
		}
	}
	if len(all) == 0 {
		return "unlimited"
	}
	return strings.Join(all, ", ") + fmt.Sprintf(" a second, and %v of that at once", r.Burst)
}
