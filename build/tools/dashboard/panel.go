package main

import (
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/variants"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/heatmap"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/statetimeline"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
)

// row is a part of the dashboard, under a title.
type row struct {
	title  string
	panels []panel
}

// panel is one picture.
type panel struct {
	kind  kind
	title string
	// about says what is seen, and what is good.
	about string
	unit  string
	// width is that of 24.
	width   uint32
	queries []query
	// bad is the value from which it is red; nil: it never is. below: it is red below it, instead.
	bad   *float64
	below bool
}

// kind is how a panel is drawn.
type kind int

const (
	// lines are curves over time.
	lines kind = iota
	// stacked are areas on top of each other.
	stacked
	// number is the last value, large.
	number
	// names are the values' names.
	names
	// states is a band for each series, green for 1 and red for 0.
	states
	// heat is a histogram over time.
	heat
)

// Widths of panels: three or six beside each other.
const third, sixth = 8, 4

func graph(title, about, unit string, queries ...query) panel {
	return panel{kind: lines, title: title, about: about, unit: unit, width: third, queries: queries}
}

func area(title, about, unit string, queries ...query) panel {
	return panel{kind: stacked, title: title, about: about, unit: unit, width: third, queries: queries}
}

func figure(title, about, unit string, queries ...query) panel {
	return panel{kind: number, title: title, about: about, unit: unit, width: sixth, queries: queries}
}

func labels(title, about string, queries ...query) panel {
	return panel{kind: names, title: title, about: about, width: sixth, queries: queries}
}

func bands(title, about string, queries ...query) panel {
	return panel{kind: states, title: title, about: about, width: third, queries: queries}
}

func heatMap(title, about, unit string, queries ...query) panel {
	return panel{kind: heat, title: title, about: about, unit: unit, width: third, queries: queries}
}

func (p panel) wide(n uint32) panel { p.width = n; return p }

func (p panel) badFrom(n float64) panel { p.bad = &n; return p }

func (p panel) badBelow(n float64) panel { p.bad, p.below = &n, true; return p }

// query is one of Prometheus' with what its series are called.
type query struct{ expr, legend string }

// height is that of every panel but numbers, in rows of the grid.
const height, numberHeight = 7, 4

// builder makes the panel.
func (p panel) builder(id uint32) cog.Builder[dashboard.Panel] {
	switch p.kind {
	case number, names:
		return p.number().Id(id)
	case states:
		return p.states().Id(id)
	case heat:
		return p.heat().Id(id)
	default:
		return p.curves().Id(id)
	}
}

func (p panel) targets(format prometheus.PromQueryFormat) []cog.Builder[variants.Dataquery] {
	var all []cog.Builder[variants.Dataquery]
	for i, q := range p.queries {
		b := prometheus.NewDataqueryBuilder().Expr(q.expr).LegendFormat(q.legend).RefId(string(rune('A' + i))).Format(format)
		if p.kind == number || p.kind == names {
			b.Instant()
		} else {
			b.Range()
		}
		all = append(all, b)
	}
	return all
}

func (p panel) curves() *timeseries.PanelBuilder {
	b := timeseries.NewPanelBuilder().
		Title(p.title).Description(p.about).Datasource(datasource()).
		Unit(p.unit).Min(0).Span(p.width).Height(height).
		Targets(p.targets(prometheus.PromQueryFormatTimeSeries)).
		ShowPoints(common.VisibilityModeNever).
		Tooltip(common.NewVizTooltipOptionsBuilder().Mode(common.TooltipDisplayModeMulti).Sort(common.SortOrderDescending)).
		Legend(common.NewVizLegendOptionsBuilder().DisplayMode(common.LegendDisplayModeList).Placement(common.LegendPlacementBottom).ShowLegend(true))
	if p.kind == stacked {
		b.Stacking(common.NewStackingConfigBuilder().Mode(common.StackingModeNormal)).FillOpacity(30)
	}
	if p.bad != nil {
		b.Thresholds(p.thresholds()).ThresholdsStyle(common.NewGraphThresholdsStyleConfigBuilder().Mode(common.GraphThresholdsStyleModeDashed))
	}
	return b
}

func (p panel) number() *stat.PanelBuilder {
	b := stat.NewPanelBuilder().
		Title(p.title).Description(p.about).Datasource(datasource()).
		Unit(p.unit).Span(p.width).Height(numberHeight).
		Targets(p.targets(prometheus.PromQueryFormatTimeSeries)).
		ReduceOptions(common.NewReduceDataOptionsBuilder().Calcs([]string{"lastNotNull"})).
		GraphMode(common.BigValueGraphModeNone).ColorMode(common.BigValueColorModeValue)
	if p.kind == names {
		b.TextMode(common.BigValueTextModeName)
	}
	if p.bad != nil {
		b.Thresholds(p.thresholds())
	}
	return b
}

func (p panel) states() *statetimeline.PanelBuilder {
	index := func(i int32) *int32 { return &i }
	result := func(text, color string, at int32) dashboard.ValueMappingResult {
		return dashboard.ValueMappingResult{Text: &text, Color: &color, Index: index(at)}
	}
	return statetimeline.NewPanelBuilder().
		Title(p.title).Description(p.about).Datasource(datasource()).
		Span(p.width).Height(height).
		Targets(p.targets(prometheus.PromQueryFormatTimeSeries)).
		ShowValue(common.VisibilityModeNever).
		Mappings([]dashboard.ValueMapping{{ValueMap: &dashboard.ValueMap{
			Type: dashboard.MappingTypeValueToText,
			Options: map[string]dashboard.ValueMappingResult{
				"0": result("out of reach", "red", 0),
				"1": result("reachable", "green", 1),
			},
		}}})
}

func (p panel) heat() *heatmap.PanelBuilder {
	return heatmap.NewPanelBuilder().
		Title(p.title).Description(p.about).Datasource(datasource()).
		Span(p.width).Height(height).
		Targets(p.targets(prometheus.PromQueryFormatHeatmap)).
		YAxis(heatmap.NewYAxisConfigBuilder().Unit(p.unit))
}

func (p panel) thresholds() *dashboard.ThresholdsConfigBuilder {
	good, bad := "green", "red"
	if p.below {
		good, bad = bad, good
	}
	return dashboard.NewThresholdsConfigBuilder().Mode(dashboard.ThresholdsModeAbsolute).
		Steps([]dashboard.Threshold{{Color: good}, {Value: p.bad, Color: bad}})
}
