package stats_test

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats"
	"github.com/kafkamesh/envoy-kafka-mesh/test/document"
)

var update = flag.Bool("update", false, "rewrite the table of metrics in docs/operations.md")

// TestDocs compares the table of metrics in docs/operations.md with Table.
func TestDocs(t *testing.T) {
	t.Parallel()
	table := stats.Table([]string{"<name>"})
	for i := range table {
		if strings.HasPrefix(table[i].Name, "build_info.") {
			table[i].Name = "build_info.<version>"
		}
	}
	document.Compare(t, "../../docs/operations.md", "<!-- metrics: go test ./filter/stats -update -->\n", "<!-- end -->", markdown(table), *update)
}

// markdown is the table, with one row for all error codes.
func markdown(table []stats.Metric) string {
	var b strings.Builder
	var codes []string
	b.WriteString("\n| name | kind | unit | meaning |\n|---|---|---|---|\n")
	for _, m := range table {
		if code, ok := strings.CutPrefix(m.Name, "cluster.<name>.errors."); ok {
			if codes = append(codes, "`"+code+"`"); len(codes) > 1 {
				continue
			}
			m.Name = "cluster.<name>.errors.<code>"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", m.Name, m.Kind, m.Unit, m.Help)
	}
	const perLine = 4
	b.WriteString("\n`<code>` is one of these, by Kafka's names:\n")
	for line := range slices.Chunk(codes, perLine) {
		b.WriteString(strings.Join(line, ", ") + ",\n")
	}
	return strings.TrimSuffix(b.String(), ",\n") + ".\n\n"
}
