package stats_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats"
)

var update = flag.Bool("update", false, "rewrite the table of metrics in docs/operations.md")

// TestDocs compares the table of metrics in docs/operations.md with Table.
func TestDocs(t *testing.T) {
	t.Parallel()
	const path, begin, end = "../../docs/operations.md", "<!-- metrics: go test ./filter/stats -update -->\n", "<!-- end -->"
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, found := strings.Cut(string(raw), begin)
	_, tail, ended := strings.Cut(rest, end)
	if !found || !ended {
		t.Fatalf("%s has no lines %q and %q", path, begin, end)
	}
	want := head + begin + markdown(stats.Table([]string{"<name>"})) + end + tail
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, string(raw)); diff != "" {
		t.Errorf("%s is out of date, run: go test ./filter/stats -update (-want +got):\n%s", path, diff)
	}
}

func markdown(table []stats.Metric) string {
	var b strings.Builder
	b.WriteString("\n| name | kind | unit | meaning |\n|---|---|---|---|\n")
	for _, m := range table {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", m.Name, m.Kind, m.Unit, m.Help)
	}
	return b.String() + "\n"
}
