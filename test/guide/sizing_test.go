package guide

import (
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/test/document"
)

// tolerance is by how much docs/sizing.md may be off the last report of the benchmark: its figures are round, and each run differs.
const tolerance = 0.35

// TestSizing compares the figures of docs/sizing.md with the report that they are from.
func TestSizing(t *testing.T) {
	t.Parallel()
	_, table, found := strings.Cut(read(t, "docs/sizing.md"), "<!-- measured: make bench -->\n")
	if !found {
		t.Fatal("docs/sizing.md has no table that was measured")
	}
	table, _, _ = strings.Cut(table, "\n\n")
	report := read(t, "docs/benchmarks/report.md")
	for _, row := range strings.Split(strings.TrimSpace(table), "\n")[2:] {
		cells := strings.Split(strings.Trim(row, "| "), " | ")
		for i, way := range []string{"Kafka mesh in Envoy", "kafkamesh serve"} {
			says, err := strconv.ParseFloat(cells[i+1], 64)
			if err != nil {
				t.Fatal(err)
			}
			if is := proxyCPU(t, report, cells[0], way); says < is*(1-tolerance) || says > is*(1+tolerance) {
				t.Errorf("%s, %s: docs/sizing.md says %v, the report %v", cells[0], way, says, is)
			}
		}
	}
}

// proxyCPU is what a report says of a way's CPU seconds for 10⁹ bytes.
func proxyCPU(t *testing.T, report, scenario, way string) float64 {
	t.Helper()
	_, section, found := strings.Cut(report, "### "+scenario+" → raw sink\n")
	if !found {
		t.Fatalf("the report has no %q", scenario)
	}
	const column = 5
	row := regexp.MustCompile(`(?m)^\| ` + regexp.QuoteMeta(way) + ` \|.*$`).FindString(section)
	cells := strings.Split(strings.Trim(row, "| "), " | ")
	if len(cells) <= column {
		t.Fatalf("the report has no row of %s for %q", way, scenario)
	}
	number, _, _ := strings.Cut(cells[column], " ")
	cpu, err := strconv.ParseFloat(number, 64)
	if err != nil {
		t.Fatal(err)
	}
	return cpu
}

func read(t *testing.T, file string) string {
	t.Helper()
	return document.Read(t, top(t, ""), file)
}
