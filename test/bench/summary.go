package main

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// summaryRow is a key figure, as report.json has it for the picture.
type summaryRow struct {
	What   string
	Digits int
	Ways   []summaryCell
}

// summaryCell is what one way has of it.
type summaryCell struct {
	Way    string
	Median float64
	Range  []float64 `json:",omitempty"` // the least and the most
	Aim    float64   `json:",omitempty"`
}

// summarize reckons the key figures that were measured.
func (r *report) summarize() {
	r.Summary = nil
	for _, k := range keyFigures() {
		row := summaryRow{What: k.what, Digits: k.digits}
		for _, way := range r.ways() {
			v := k.value(r, way)
			if math.IsNaN(v.median) {
				continue
			}
			cell := summaryCell{Way: way, Median: v.median, Aim: k.aims.of(way)}
			if !math.IsNaN(v.least) {
				cell.Range = []float64{v.least, v.most}
			}
			row.Ways = append(row.Ways, cell)
		}
		if len(row.Ways) > 0 {
			r.Summary = append(r.Summary, row)
		}
	}
}

// ways are those that any scenario has, without those that have no proxy.
func (r *report) ways() (names []string) {
	for _, w := range ways() {
		measured := func(o outcome) bool { return len(o.samples(w.name)) > 0 }
		if w.name != directWay && w.name != fullWay && slices.ContainsFunc(r.Outcomes, measured) {
			names = append(names, w.name)
		}
	}
	return names
}

// head is what a reader needs first: the key figures, in a table and as a picture, how to read them, and what we aim for.
func (r *report) head() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Key figures of %s. Medians over the rounds; a ratio is between two measurements of the same round.\n\n", &r.setting)
	names := r.ways()
	fmt.Fprintf(&b, "| | %s |\n|---|%s\n", strings.Join(names, " | "), strings.Repeat("---|", len(names)))
	for _, k := range keyFigures() {
		fmt.Fprintf(&b, "| %s%s |", k.what, k.mark(r))
		for _, way := range names {
			fmt.Fprintf(&b, " %s |", k.value(r, way).text(k.digits))
		}
		b.WriteString("\n")
	}
	b.WriteString("\n" + r.kept())
	b.WriteString(`![key figures](summary.png)

How to read it: Envoy's tcp_proxy looks at nothing that it carries, so 1.00 of it is the floor for anything in Envoy, and the Go relay's
figures are that for anything in Go. Direct is without a proxy. Less is better, but for throughput. Clients, proxies and brokers share the
machine's cores, where a proxy takes CPU from the others that it would not take on a machine of its own. A dash: not measured.

### Aims

`)
	b.WriteString(r.aims())
	return b.String()
}

// mark is behind the name of a figure that is of an earlier run.
func (k *keyFigure) mark(r *report) string {
	if o := k.in(r); o != nil && o.At != nil {
		return " \\*"
	}
	return ""
}

// aims is a table of what we aim for, and where we are.
func (r *report) aims() string {
	var b strings.Builder
	b.WriteString("| | way | aim | this run | | before | tcp_proxy |\n|---|---|---|---|---|---|---|\n")
	for _, k := range keyFigures() {
		for _, way := range []string{envoyWay, standaloneWay} {
			aim := k.aims.of(way)
			if aim == 0 {
				continue
			}
			sign := "≤"
			if k.more {
				sign = "≥"
			}
			v := k.value(r, way)
			fmt.Fprintf(&b, "| %s | %s | %s %s | %s | %s | %s | %s |\n", k.what, way, sign, trimmed(aim), v.full(k.digits), k.verdict(v, aim),
				k.value(r, way+before).text(k.digits), k.value(r, tcpProxyWay).text(k.digits))
		}
	}
	return b.String()
}

// verdict says whether an aim is reached, and if not how far it is.
func (k *keyFigure) verdict(v spread, aim float64) string {
	switch {
	case math.IsNaN(v.median):
		return "not measured"
	case k.meets(v.median, aim):
		return "reached"
	default:
		return fmt.Sprintf("missed by %.0f %%", math.Abs(v.median/aim-1)*100)
	}
}

// trimmed writes a number without what does not matter.
func trimmed(v float64) string { return fmt.Sprintf("%g", v) }
