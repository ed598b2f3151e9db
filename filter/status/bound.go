package status

import (
	"strings"
	"unicode"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// What clients and brokers can have us show is bounded.
const (
	// MaxName is the length of what somebody calls himself or something.
	MaxName = 256
	// MaxText is the length of an error.
	MaxText = 1 << 10
	// MaxRows is the length of a list of clients, or of what they did.
	MaxRows = 50
)

// Name is s as a name: on one line, no longer than MaxName, without what cannot be seen.
func Name(s string) string { return visible(s, MaxName, "") }

// Text is s as a text, which may have lines: no longer than MaxText, without what cannot be seen.
func Text(s string) string { return visible(s, MaxText, "\n") }

// visible puts U+FFFD in the place of what cannot be seen, or turns what follows around, but for what is kept.
func visible(s string, most int, keep string) string {
	s = wire.Clip(s, most) // before looking at it: it may be long
	s = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) || strings.ContainsRune(keep, r) {
			return r
		}
		return unicode.ReplacementChar
	}, s)
	return wire.Clip(s, most) // U+FFFD may be longer than what it replaces
}

// Bound makes every name, text and list of the mesh as short as it may be. Lists keep their beginnings, and are the mesh's own then.
func (m *Mesh) Bound() {
	m.Name, m.Listener, m.Advertised = Name(m.Name), Name(m.Listener), Name(m.Advertised)
	m.Warnings = rows(m.Warnings, func(w *string) { *w = Text(*w) })
	m.Clients.bound()
	m.Clusters = every(m.Clusters, (*Cluster).bound)
	m.Rules = every(m.Rules, func(r *Rule) { clip(&r.Prefix, &r.Cluster) })
	m.GroupRules = every(m.GroupRules, func(r *GroupRule) { clip(&r.Prefix, &r.Cluster) })
	clip(&m.GroupHome)
}

func (c *Cluster) bound() {
	c.Name, c.Security, c.LastError = Name(c.Name), Name(c.Security), Text(c.LastError)
	c.BootstrapServers = rows(c.BootstrapServers, func(s *string) { *s = Name(*s) })
	c.Brokers = every(c.Brokers, func(b *Broker) { b.Address, b.LastError = Name(b.Address), Text(b.LastError) })
}

func (g *Group) bound() {
	clip(&g.ID, &g.Home, &g.Coordinator, &g.LastRefused.Cluster, &g.LastRefused.Code, &g.LastRefused.Client, &g.LastRefused.ClientID)
	g.LastRefused.Reason = Text(g.LastRefused.Reason)
	g.Commits = rows(g.Commits, func(c *string) { *c = Name(*c) })
}

func (c *Clients) bound() {
	c.Software = rows(c.Software, func(s *Software) { s.Name = Name(s.Name) })
	c.Busiest = rows(c.Busiest, func(b *Client) { clip(&b.Address, &b.ID, &b.Software, &b.Principal) })
	c.Unmatched = rows(c.Unmatched, func(u *Unmatched) { clip(&u.Topic, &u.Client, &u.ClientID, &u.Software) })
	c.Closings = rows(c.Closings, func(l *Closing) {
		clip(&l.Client, &l.ClientID, &l.Software, &l.Kind)
		l.Reason = Text(l.Reason)
	})
	c.Groups = rows(c.Groups, (*Group).bound)
	c.Throttled = rows(c.Throttled, func(t *Throttled) { clip(&t.Rule, &t.Principal) })
	c.Refusals = rows(c.Refusals, func(r *Refusal) { clip(&r.Kind, &r.API, &r.Client, &r.ClientID, &r.Software) })
}

// rows is a copy of the first rows of a list, each bounded.
func rows[T any](all []T, bound func(*T)) []T { return every(all[:min(len(all), MaxRows)], bound) }

// every is a copy of a list that configurations or clusters bound, each of it bounded. It is never nil, which JSON would show as null.
func every[T any](all []T, bound func(*T)) []T {
	kept := append([]T{}, all...)
	for i := range kept {
		bound(&kept[i])
	}
	return kept
}

func clip(names ...*string) {
	for _, n := range names {
		*n = Name(*n)
	}
}
