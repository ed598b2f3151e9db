package stats_test

import (
	"flag"
	"fmt"
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

func markdown(table []stats.Metric) string {
	var b strings.Builder
	b.WriteString("\n| name | kind | unit | meaning |\n|---|---|---|---|\n")
	for _, m := range table {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", m.Name, m.Kind, m.Unit, m.Help)
	}
	return b.String() + "\n"
}
