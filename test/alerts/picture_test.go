//go:build onrequest

package alerts

import (
	"bytes"
	"encoding/json"
	"math"
	"net"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// drawn are the panels in the picture.
var drawn = []string{
	"Records by cluster", "Records by rule", "Requests by API",
	"Produce, as clients see it", "By cluster, 99th percentile", "Where the time goes, on average",
	"Batches that fail, by rule", "Errors by code", "Requests that fail or are refused",
	"Clusters", "Connections that cannot be made", "Connections to brokers",
	"Clients by software", "Topics without a rule", "Connections closed by the mesh",
}

// picture is what draw.py reads.
type picture struct {
	Title   string  `json:"title"`
	Unit    string  `json:"unit"`
	Stacked bool    `json:"stacked"`
	States  bool    `json:"states"`
	Series  []curve `json:"series"`
}

type curve struct {
	Name   string        `json:"name"`
	Points [][2]*float64 `json:"points"`
}

// TestPicture draws what the dashboard shows of a mesh in front of two clusters. One of them answers some batches with
// errors, and goes away for a while.
func TestPicture(t *testing.T) {
	t.Parallel()
	python, err := stack.Plotter(t.Context())
	stack.Check(t, err)
	e := newEstate(t)
	e.sick.Store(false)
	addr, target := e.envoy(t)
	p := stack.Scrape(t, stack.PrometheusOptions{Targets: []stack.PrometheusTarget{target}})
	const phase = 40 * time.Second // of those that the picture shows one after another
	start(t, addr)
	every(t.Context(), 15*time.Second) // Prometheus reckons rates from that
	from := time.Now()
	every(t.Context(), phase)
	e.sick.Store(true)
	every(t.Context(), phase)
	e.sick.Store(false)
	e.restart(t, phase)
	every(t.Context(), phase)
	var all []picture
	for _, title := range drawn {
		i := slices.IndexFunc(panels(t), func(p panel) bool { return p.Title == title })
		if i < 0 {
			t.Fatalf("there is no panel %q", title)
		}
		all = append(all, answered(t, p, panels(t)[i], from))
	}
	text, err := json.Marshal(all)
	stack.Check(t, err)
	cmd := exec.CommandContext(t.Context(), python, "draw.py", folder+"dashboard.png")
	cmd.Stdin = bytes.NewReader(text)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// restart has the cluster of bills be away for a while, and begin anew.
func (e *estate) restart(t *testing.T, away time.Duration) {
	t.Helper()
	_, text, err := net.SplitHostPort(e.bills.Addr())
	stack.Check(t, err)
	port, err := strconv.Atoi(text)
	stack.Check(t, err)
	e.bills.Close()
	every(t.Context(), away)
	e.bills = stack.Fake(t, stack.FakeOptions{More: []kfake.Opt{kfake.Ports(port), kfake.SeedTopics(1, "bills.sent")}})
}

// answered is what Prometheus answers to the queries of a panel.
func answered(t *testing.T, p *stack.PrometheusProcess, of panel, from time.Time) picture {
	t.Helper()
	drawing := picture{
		Title: of.Title, Unit: of.FieldConfig.Defaults.Unit, States: of.Type == "state-timeline",
		Stacked: of.FieldConfig.Defaults.Custom.Stacking.Mode == "normal", Series: []curve{},
	}
	for _, q := range of.Targets {
		series, err := p.QueryRange(t.Context(), chosen(q.Expr), from, time.Now())
		stack.Check(t, err)
		for _, s := range series {
			c := curve{Name: named(q.LegendFormat, s.Labels)}
			for _, point := range s.Points {
				at, value := float64(point.At.UnixMilli())/1000, &point.Value
				if math.IsNaN(point.Value) {
					value = nil
				}
				c.Points = append(c.Points, [2]*float64{&at, value})
			}
			drawing.Series = append(drawing.Series, c)
		}
	}
	return drawing
}

var aPlace = regexp.MustCompile(`\{\{(\w+)\}\}`)

// named is what a series is called.
func named(legend string, labels map[string]string) string {
	return aPlace.ReplaceAllStringFunc(legend, func(place string) string { return labels[aPlace.FindStringSubmatch(place)[1]] })
}
