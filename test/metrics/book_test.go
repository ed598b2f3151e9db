package metrics

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats"
)

// span is what a number may be.
type span struct{ least, most int64 }

func exactly(n int64) span { return span{n, n} }

func (s span) String() string {
	if s.least == s.most {
		return strconv.FormatInt(s.least, 10)
	}
	return fmt.Sprintf("%d to %d", s.least, s.most)
}

func (s span) has(n float64) bool { return float64(s.least) <= n && n <= float64(s.most) }

// book is what is expected of every metric, by its name: of a histogram, how many were recorded.
type book struct {
	spans map[string]span
	sums  map[string]int64       // of what histograms recorded, where that is known
	later map[string]func() span // asked whenever it is looked
	moved map[string]bool        // gauges that were above zero
}

func newBook() *book {
	return &book{spans: map[string]span{}, sums: map[string]int64{}, later: map[string]func() span{}, moved: map[string]bool{}}
}

// know expects metrics to be there, and to be zero so far.
func (b *book) know(names ...string) {
	for _, name := range names {
		if !b.knows(name) {
			b.spans[name] = span{}
		}
	}
}

func (b *book) knows(name string) bool {
	_, known := b.spans[name]
	return known
}

// add expects n more of a metric that is known.
func (b *book) add(name string, n int64) {
	s, known := b.spans[name]
	if !known {
		panic("the test does not know the metric " + name)
	}
	b.spans[name] = span{s.least + n, s.most + n}
}

// record expects a histogram to have one more, of size n.
func (b *book) record(name string, n int64) {
	b.add(name, 1)
	b.sums[name] += n
}

// when expects of a metric what is to be asked for when it is looked at.
func (b *book) when(name string, f func() span) {
	b.know(name)
	b.later[name] = f
}

// want is what a metric may be now.
func (b *book) want(name string) (s span, known bool) {
	if f := b.later[name]; f != nil {
		return f(), true
	}
	s, known = b.spans[name]
	return s, known
}

// compare says in what a host shows other metrics than expected.
func (b *book) compare(table stats.Table, shown shown) (problems []string) {
	wrong := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	for i := range table {
		m := &table[i]
		want, known := b.want(m.Name)
		if m.Kind == stats.Gauge && shown.ended {
			want = exactly(0)
		}
		got, there := shown.numbers[m.Name]
		switch {
		case !known:
			wrong("nobody expects anything of %s", m.Name)
		case !there && !shown.leavesOut(m):
			wrong("%s is not shown", m.Name)
		case !want.has(got.value):
			wrong("%s is %v, want %s", m.Name, got.value, want)
		case m.Kind != stats.Histogram, !shown.sums:
		case got.value == 0 && got.sum != 0, got.value > 0 && m.Unit == "microseconds" && got.sum <= 0:
			wrong("%s adds up to %v, of %v", m.Name, got.sum, got.value)
		case m.Unit != "microseconds" && math.Abs(got.sum-float64(b.sums[m.Name])) > shown.blur*float64(b.sums[m.Name]):
			wrong("%s adds up to %v, want %d", m.Name, got.sum, b.sums[m.Name])
		}
	}
	for name := range shown.numbers {
		if _, known := b.want(name); !known {
			wrong("%s is shown, and nobody expects it", name)
		}
	}
	return problems
}

// idle are metrics that the traffic has not moved. It is enough if those of one cluster, one rule and one topic are moved.
func (b *book) idle(table stats.Table) (names []string) {
	moved := map[string]bool{}
	for i := range table {
		m := &table[i]
		want, _ := b.want(m.Name)
		moved[kind(m)] = moved[kind(m)] || want.most > 0 || b.moved[m.Name] || matches(still, m.Name)
	}
	for name, is := range moved {
		if !is {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// kind is what the metrics of all clusters, rules and topics have in common.
func kind(m *stats.Metric) string {
	parts := []string{m.Family}
	for _, l := range m.Labels {
		if l.Name != stats.LabelCluster && l.Name != stats.LabelRule && l.Name != stats.LabelTopic {
			parts = append(parts, l.Value)
		}
	}
	return strings.Join(parts, " ")
}

// matches reports whether a name is one of some expressions, whole.
func matches(expressions []string, name string) bool {
	return regexp.MustCompile(`^(` + strings.Join(expressions, "|") + `)$`).MatchString(name)
}

// number is what a metric is shown to be: of a histogram, how many were recorded, and what they add up to.
type number struct{ value, sum float64 }

// shown is what a host shows of its metrics, in one of its ways.
type shown struct {
	numbers map[string]number // by the metric's name
	// zeroes says that metrics are left out that are zero, rare that those are that most configurations never count.
	zeroes, rare bool
	// ended says that the mesh has ended, which leaves no gauge above zero.
	ended bool
	// sums says that sums of histograms are shown, which blur, a part of them, may be wrong.
	sums bool
	blur float64
}

func (s *shown) leavesOut(m *stats.Metric) bool { return s.zeroes || s.rare && m.Rare }

// growing is one at least, and at most so many and so many more each second: what is counted while the mesh is there.
func growing(since time.Time, most, eachSecond int64) func() span {
	return func() span { return span{1, most + eachSecond*int64(time.Since(since)/time.Second)} }
}
