package admin

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/status"
)

// What the page says of consumer groups, quotas, and logins that fail.

type groupView struct {
	ID, Protocol, Home, Coordinator, Members, Rebalances, Commits, Refused string
	Last                                                                   when
}

type throttledView struct{ Principal, Rule, Limits, Share, Wait, For string }

// failureView is a reason for which logins by a mechanism, or handshakes of TLS, have failed.
type failureView struct{ What, Reason, Recent, Times string }

func groupViews(c *status.Clients, now time.Time) (views []groupView) {
	for i := range c.Groups {
		g := &c.Groups[i]
		v := groupView{
			ID: g.ID, Protocol: cmp.Or(string(g.Protocol), "commits only"), Home: g.Home, Coordinator: cmp.Or(g.Coordinator, "–"),
			Members: number(float64(g.Members)), Rebalances: number(float64(g.Rebalances)), Commits: cmp.Or(strings.Join(g.Commits, ", "), "–"), Refused: "–",
			Last: at(g.LastRefused.Time, now),
		}
		if r := &g.LastRefused; g.Refused > 0 {
			v.Refused = fmt.Sprintf("%s: %s by %s, from %s", number(float64(g.Refused)), r.Code, cmp.Or(r.Cluster, "the mesh"), who(r.ClientID, r.Client))
			if r.Reason != "" {
				v.Refused += ": " + r.Reason
			}
		}
		views = append(views, v)
	}
	return views
}

// refusedLately says that commits of a group were refused in the last minutes.
func refusedLately(g *status.Group, now time.Time) bool {
	return g.Refused > 0 && now.Sub(g.LastRefused.Time) < recent
}

func throttledViews(c *status.Clients, now time.Time) (views []throttledView) {
	for _, t := range c.Throttled {
		v := throttledView{
			Principal: cmp.Or(t.Principal, "others together"), Rule: t.Rule, Limits: strings.Join(t.Limits, ", "),
			Share: fmt.Sprintf("%.0f %%", 100*t.Share), Wait: "–", For: span(now.Sub(t.Since)),
		}
		if t.WaitMillis > 0 {
			v.Wait = length(float64(t.WaitMillis))
		}
		views = append(views, v)
	}
	return views
}

func failureViews(c *status.Clients) (views []failureView) {
	for _, f := range c.LoginFailures {
		views = append(views, failureView{"login by " + f.Mechanism, f.Reason, number(float64(f.Recent)), number(float64(f.Times))})
	}
	for _, f := range c.TLSFailures {
		views = append(views, failureView{"TLS handshake", f.Reason, number(float64(f.Recent)), number(float64(f.Times))})
	}
	return views
}

// writeTroubles writes them for a terminal.
func (m *meshView) writeTroubles(b *strings.Builder) {
	table(b, "Consumer groups", func(row func(cells ...string)) {
		for _, g := range m.Groups {
			row(g.ID, g.Protocol, "home "+g.Home, "coordinator "+g.Coordinator, g.Members+" members here", "rebalances "+g.Rebalances, "commits on "+g.Commits)
		}
		if m.MoreGroups != "" {
			row("and " + m.MoreGroups + " more")
		}
	})
	table(b, "Refused commits", func(row func(cells ...string)) {
		for _, g := range m.Groups {
			if g.Last.Ago != "" {
				row(g.ID, g.Last.Ago+" ago", g.Refused)
			}
		}
	})
	table(b, "Throttled by quotas", func(row func(cells ...string)) {
		for _, t := range m.Throttled {
			row(t.Principal, "rule "+t.Rule, t.Limits, t.Share+" of the time", "waits "+t.Wait, "for "+t.For)
		}
		if m.MoreThrottled != "" {
			row("and " + m.MoreThrottled + " more")
		}
	})
	table(b, "Failed logins and handshakes in the last ten minutes", func(row func(cells ...string)) {
		for _, f := range m.Failures {
			row(f.What, f.Reason, f.Recent+" times", f.Times+" in all")
		}
	})
}

// some is how many more there are; empty: none.
func some(n int) string {
	if n == 0 {
		return ""
	}
	return number(float64(n))
}

// troubleProblems say what of it somebody should know.
func troubleProblems(c *status.Clients, now time.Time) (found []status.Problem) {
	add := func(severity status.Severity, text, detail string) {
		found = append(found, status.Problem{Severity: severity, Text: text, Detail: detail})
	}
	var refused []string
	for i := range c.Groups {
		if refusedLately(&c.Groups[i], now) {
			refused = append(refused, c.Groups[i].ID)
		}
	}
	if len(refused) > 0 {
		add(status.Warning, "Commits of "+few(refused)+" are refused", "What was read is read again after a rebalance. See Consumer groups.")
	}
	if n := len(c.Throttled) + c.MoreThrottled; n > 0 {
		add(status.Notice, "Quotas hold back "+plural(n, "principal"), "See Throttled by quotas.")
	}
	logins, handshakes := 0, 0
	for _, f := range c.LoginFailures {
		logins += int(f.Recent)
	}
	for _, f := range c.TLSFailures {
		handshakes += int(f.Recent)
	}
	const see = "See Failed logins and handshakes. The log says where they come from."
	if logins > 0 {
		add(status.Notice, plural(logins, "login")+" failed in the last ten minutes", see)
	}
	if handshakes > 0 {
		add(status.Notice, plural(handshakes, "handshake")+" of TLS failed in the last ten minutes", see)
	}
	return found
}
