package admin

import (
	"fmt"
	"strings"
)

// The size of a chart in its own units; the page stretches it.
const (
	chartWidth  = 240
	chartHeight = 40
)

// chart is a small chart of the last minutes.
type chart struct {
	// Title is what it shows, Now and Most are its last and its highest value, and Words all of it for who cannot see it.
	Title, Now, Most, Words string
	// Area is the surface below the first line; Line and Upper are the lines. Upper is empty if there is only one.
	Area, Line, Upper string
	// Empty says that there is nothing to draw yet.
	Empty bool
	// Bad says that what it shows should be nothing.
	Bad bool
}

// drawn makes a chart of one or two series of the points, said as unit says.
func drawn(title string, ps []point, unit func(float64) string, first, upper func(point) float64) chart {
	c := chart{Title: title, Now: unit(0), Most: unit(0), Words: title + ": nothing yet"}
	if len(ps) == 0 {
		c.Empty = true
		return c
	}
	if len(ps) == 1 { // so that there is a line
		ps = append(ps, ps[0])
	}
	most := 0.0
	for _, p := range ps {
		most = max(most, first(p))
		if upper != nil {
			most = max(most, upper(p))
		}
	}
	last := ps[len(ps)-1]
	c.Now, c.Most = unit(first(last)), unit(most)
	if upper != nil {
		c.Now += " / " + unit(upper(last))
	}
	c.Words = fmt.Sprintf("%s over the last %s: now %s, at most %s", title, span(interval*points), c.Now, c.Most)
	c.Empty = most == 0
	c.Line = path(ps, first, most)
	c.Area = area(ps, c.Line)
	if upper != nil {
		c.Upper = path(ps, upper, most)
	}
	return c
}

// path is a line through the points, the last of them at the right. A bound of zero makes it flat.
func path(ps []point, value func(point) float64, most float64) string {
	var b strings.Builder
	for i, p := range ps {
		y := float64(chartHeight)
		if most > 0 {
			y -= value(p) / most * (chartHeight - 1)
		}
		command := 'L'
		if i == 0 {
			command = 'M'
		}
		fmt.Fprintf(&b, "%c%.1f %.1f", command, across(len(ps)-1-i), y)
	}
	return b.String()
}

// across is where a point is that is so many intervals old.
func across(ago int) float64 { return chartWidth - float64(ago)*chartWidth/(points-1) }

// area closes a line to the surface below it.
func area(ps []point, line string) string {
	return fmt.Sprintf("%sL%d %dL%.1f %dZ", line, chartWidth, chartHeight, across(len(ps)-1), chartHeight)
}
