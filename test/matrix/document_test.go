package matrix

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

const document = "../../docs/clients.md"

// table is a generated part of the document. Its rows begin with a name and a version.
type table struct {
	name   string // in the comment that it begins with
	title  string
	header string
	keys   []string // of the rows, in order
}

// tableOf is the table of that name.
func tableOf(name string) *table {
	for _, t := range []*table{asked(), agentTable()} {
		if t.name == name {
			return t
		}
	}
	if version, is := strings.CutPrefix(name, "consumers "); is {
		return consumed(version)
	}
	return producers(name)
}

// rowKey is what a row begins with.
func rowKey(name, version string) string { return fmt.Sprintf("| %s | %s |", name, version) }

// pattern matches the table in the document.
func (t *table) pattern() *regexp.Regexp {
	return regexp.MustCompile(`(?s)<!-- begin ` + regexp.QuoteMeta(t.name) + ` -->\n.*?<!-- end -->\n`)
}

// rows are the keys of the table's rows in the document, and its rows by key.
func (t *table) rows(text string) ([]string, map[string]string) {
	_, found, _ := strings.Cut(t.pattern().FindString(text), t.header)
	var keys []string
	rows := map[string]string{}
	for line := range strings.Lines(found) {
		if cells := strings.SplitN(line, "|", 4); len(cells) == 4 {
			key := strings.Join(cells[:3], "|") + "|"
			keys = append(keys, key)
			rows[key] = line
		}
	}
	return keys, rows
}

// put puts rows into the document in place of those of the same key; the others stay.
func (t *table) put(text string, fresh []string) (string, error) {
	_, rows := t.rows(text)
	for _, line := range fresh {
		cells := strings.SplitN(line, "|", 4)
		rows[strings.Join(cells[:3], "|")+"|"] = line
	}
	var b strings.Builder
	fmt.Fprintf(&b, "<!-- begin %s -->\n## %s\n\n%s", t.name, t.title, t.header)
	for _, key := range t.keys {
		if rows[key] == "" {
			return "", fmt.Errorf("%s has no row %q in %q yet, and it has not run", document, key, t.title)
		}
		b.WriteString(rows[key])
	}
	b.WriteString("<!-- end -->\n")
	if pattern := t.pattern(); pattern.MatchString(text) {
		return pattern.ReplaceAllLiteralString(text, b.String()), nil
	}
	return text + "\n" + b.String(), nil
}

// resultList are the rows of what has run. Its methods may be called from any goroutine.
type resultList struct {
	mu   sync.Mutex
	rows map[string][]string // by the table's name
}

var results = resultList{rows: map[string][]string{}}

func (l *resultList) add(t *table, line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rows[t.name] = append(l.rows[t.name], line)
}

// write puts what has run into the document.
func (l *resultList) write() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !full() {
		return fmt.Errorf("%s is of a full run", document)
	}
	text, err := os.ReadFile(document)
	if err != nil {
		return err
	}
	out := string(text)
	for name, rows := range l.rows {
		if out, err = tableOf(name).put(out, rows); err != nil {
			return err
		}
	}
	return os.WriteFile(document, []byte(out), 0o600)
}

// TestTablesHaveARowForEachClient checks that each table of docs/clients.md has a row for each client, and no others.
func TestTablesHaveARowForEachClient(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`<!-- begin (.*) -->`).FindAllStringSubmatch(string(text), -1)
	if len(found) == 0 {
		t.Fatalf("%s has no table: make matrix", document)
	}
	for _, name := range found {
		want := tableOf(name[1])
		if got, _ := want.rows(string(text)); !slices.Equal(want.keys, got) {
			t.Errorf("%s, %q has rows\n%s\nwant\n%s", document, want.title, strings.Join(got, "\n"), strings.Join(want.keys, "\n"))
		}
	}
}
