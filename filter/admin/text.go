package admin

import (
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"
)

// text is the page for a terminal, and for Envoy's own admin interface, which shows nothing else.
func (m *moment) text() string {
	v := newView(m)
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\nKafka mesh %s (%s), %s, up %s, at %s\n", v.Verdict, v.Process.Version, v.Commit, v.Process.Host, v.Up, v.At.Exact)
	for _, p := range v.Problems {
		fmt.Fprintf(&b, "\n%s: %s", strings.ToUpper(p.Word), p.Text)
		if p.Since.Ago != "" {
			fmt.Fprintf(&b, ", for %s", p.Since.Ago)
		}
		if p.Detail != "" {
			fmt.Fprintf(&b, "\n  %s", strings.ReplaceAll(p.Detail, "\n", "\n  "))
		}
	}
	if len(v.Problems) > 0 {
		b.WriteByte('\n')
	}
	for i := range v.Meshes {
		v.Meshes[i].write(&b)
	}
	return strings.TrimRight(b.String(), "\n")
}

// write writes one mesh.
func (m *meshView) write(b *strings.Builder) {
	if m.Title != "" {
		fmt.Fprintf(b, "\n== %s\n", m.Title)
	}
	b.WriteByte('\n')
	for _, t := range m.Tiles {
		fmt.Fprintf(b, "%s: %s\n", t.Label, t.Value)
	}
	table(b, "Clusters", func(row func(cells ...string)) {
		for _, c := range m.Clusters {
			cells := []string{c.Name, c.State + " " + c.For}
			for _, f := range c.Facts {
				cells = append(cells, strings.ToLower(f.Name)+" "+f.Value)
			}
			row(cells...)
			for _, br := range c.Brokers {
				row(fmt.Sprintf("  %d %s", br.Node, br.Address), br.Link, fmt.Sprintf("leads %d", br.Leads),
					fmt.Sprintf("links %d", br.Connections), "in flight "+br.InFlight, "queued "+br.Queued)
			}
		}
	})
	m.writeRules(b)
	table(b, "Clients by software", func(row func(cells ...string)) {
		for _, s := range m.Software {
			row(s.Name, s.Connected+" connected", s.Total+" in all")
		}
	})
	table(b, "Logins", func(row func(cells ...string)) {
		for _, l := range m.Logins {
			row(l.Mechanism, l.Succeeded+" succeeded", l.Renewed+" renewed", l.Failed+" failed")
		}
	})
	m.writeTroubles(b)
	table(b, "Busiest clients", func(row func(cells ...string)) {
		for _, c := range m.Busiest {
			row(c.Name, c.Address, c.Software, c.Rate, c.Bytes+" in all", "for "+c.For)
		}
	})
	table(b, "Topics without a rule", writeAsked(m.Topics))
	table(b, "Closed connections", func(row func(cells ...string)) {
		for _, l := range m.Closings {
			row(l.At.Clock, l.Who, strings.ReplaceAll(l.Reason, "\n", "; "))
		}
	})
	table(b, "Refused", writeAsked(m.Refusals))
}

func writeAsked(all []askedView) func(row func(cells ...string)) {
	return func(row func(cells ...string)) {
		for _, a := range all {
			row(a.What, a.Who, a.Software, a.Times+" times", a.Last.Ago+" ago")
		}
	}
}

// writeRules writes the rules of topics, and where groups live.
func (m *meshView) writeRules(b *strings.Builder) {
	table(b, "Rules", func(row func(cells ...string)) {
		for _, r := range m.Rules {
			prefix := r.Prefix + "*"
			if r.Only != "" {
				prefix += " for " + r.Only
			}
			row(strconv.Itoa(r.Number), prefix, "→ "+r.Cluster, r.Bytes, r.Batches, "read "+r.Read, "failed "+r.Failed, "p99 "+r.P99)
		}
	})
	if m.Homes != "" {
		fmt.Fprintf(b, "\nGroups live on %s\n", m.Homes)
	}
}

// table writes a heading and what is below it in columns, if there is something.
func table(b *strings.Builder, heading string, rows func(row func(cells ...string))) {
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	rows(func(cells ...string) { _, _ = w.Write([]byte(strings.Join(cells, "\t") + "\n")) }) // a strings.Builder takes all
	_ = w.Flush()
	if text.Len() > 0 {
		fmt.Fprintf(b, "\n%s\n%s", heading, text.String())
	}
}
