package conformance

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

var update = flag.Bool("update", false, "write testdata anew")

// book is one file of testdata: for each scenario what Kafka shows, and under it, where they differ, what the older Kafka
// and what the mesh in front of each shows. Lines of a scenario are indented.
type book struct {
	file    string
	content map[string]map[string]string // by scenario and column

	mu   sync.Mutex
	seen map[string]map[string]string
}

// columns are in the order in which one that is missing is looked for in those before it; the mesh shows what its Kafka
// does unless the scenario differs.
var columns = []string{"kafka " + stack.KafkaVersion, "kafka " + oldKafka, "mesh " + stack.KafkaVersion, "mesh " + oldKafka}

func openBook(t *testing.T, name string) *book {
	t.Helper()
	b := &book{file: "testdata/" + name + ".txt", content: map[string]map[string]string{}, seen: map[string]map[string]string{}}
	text, err := os.ReadFile(b.file)
	if err != nil && !*update {
		t.Fatal(err)
	}
	var scenario, column string
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case strings.HasPrefix(line, "# "):
			scenario = line[2:]
			b.content[scenario] = map[string]string{}
		case strings.HasSuffix(line, ":") && !strings.HasPrefix(line, " "):
			column = strings.TrimSuffix(line, ":")
			b.content[scenario][column] = ""
		case strings.HasPrefix(line, "  "):
			b.content[scenario][column] = join(b.content[scenario][column], line[2:])
		}
	}
	return b
}

func join(text, line string) string {
	if text == "" {
		return line
	}
	return text + "\n" + line
}

// compare compares what a target showed with what the book has.
func (b *book) compare(t *testing.T, s scenario, target *target, got string) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.seen[s.name] == nil {
		b.seen[s.name] = map[string]string{}
	}
	c := column(target)
	if other, ok := b.seen[s.name][c]; ok && other != got {
		t.Errorf("hosts of the mesh differ (-other +%s):\n%s", target.name, cmp.Diff(other, got))
	}
	b.seen[s.name][c] = got
	if *update {
		return
	}
	if want := expected(b.content[s.name], s, c); want != got {
		t.Errorf("%s shows, against %s (-want +got):\n%s", target.name, b.file, cmp.Diff(want, got))
	}
}

// expected is what a column of a scenario shows.
func expected(content map[string]string, s scenario, column string) string {
	order := map[string][]string{
		columns[0]: {columns[0]},
		columns[1]: {columns[1], columns[0]},
		columns[2]: {columns[0]},
		columns[3]: {columns[1], columns[0]},
	}[column]
	if s.differs != none {
		switch column {
		case columns[2]:
			order = []string{columns[2], columns[0]}
		case columns[3]:
			order = []string{columns[3], columns[2], columns[1], columns[0]}
		}
	}
	for _, c := range order {
		if text, ok := content[c]; ok {
			return text
		}
	}
	return "(not in testdata)"
}

// close finds scenarios that say they differ and do not, and writes the book if that was asked for.
func (b *book) close(t *testing.T, scenarios []scenario) {
	t.Helper()
	var text strings.Builder
	for _, s := range scenarios {
		seen := b.seen[s.name]
		if _, ok := seen[columns[2]]; !ok {
			return // a part of the targets was run
		}
		differ := seen[columns[2]] != seen[columns[0]] || seen[columns[3]] != "" && seen[columns[3]] != seen[columns[1]]
		if s.differs == ownWords && (wordless(seen[columns[2]]) != wordless(seen[columns[0]]) || wordless(seen[columns[3]]) != wordless(seen[columns[1]])) {
			t.Errorf("%s: the mesh differs from a broker in more than its words", s.name)
		}
		if s.differs != none && !differ {
			t.Errorf("%s: the mesh shows what a broker does, so it is no case of %s", s.name, s.differs)
		}
		fmt.Fprintf(&text, "# %s\n", s.name)
		kept := map[string]string{}
		for _, c := range columns {
			lines, ok := seen[c]
			if ok && expected(kept, s, c) != lines {
				kept[c] = lines
				if strings.HasPrefix(c, "mesh") && s.differs == none {
					t.Errorf("%s: %s differs, and no difference is named:\n%s", s.name, c, cmp.Diff(seen["kafka"+c[4:]], lines))
					continue
				}
				fmt.Fprintf(&text, "%s:\n  %s\n", c, strings.ReplaceAll(lines, "\n", "\n  "))
			}
		}
		text.WriteString("\n")
	}
	if *update {
		if err := os.WriteFile(b.file, []byte(text.String()), 0o600); err != nil {
			t.Error(err)
		}
	}
}

var words = regexp.MustCompile(`(?m)( start=\d+)?( ".*"( at ?)?)?$`)

// wordless is what ownWords does not excuse.
func wordless(lines string) string { return words.ReplaceAllString(lines, "") }
