package tree_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/config/tree"
)

// show writes a node in one line, with the position of each scalar and field.
func show(n *tree.Node) string {
	var b strings.Builder
	switch n.Kind {
	case tree.List:
		b.WriteString("[")
		for _, item := range n.Items {
			b.WriteString(" " + show(item))
		}
		b.WriteString(" ]")
	case tree.Map:
		b.WriteString("{")
		for _, f := range n.Fields {
			fmt.Fprintf(&b, " %s@%d:%d=%s", f.Name, f.Line, f.Column, show(f.Value))
		}
		b.WriteString(" }")
	default:
		kind := map[tree.Kind]string{tree.Null: "null", tree.Bool: "bool", tree.Number: "number", tree.Text: "text"}[n.Kind]
		fmt.Fprintf(&b, "%s(%s)@%d:%d", kind, n.Text, n.Line, n.Column)
	}
	return b.String()
}

func TestRead(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, text, want string }{
		{"YAML", "a: 1\nb:\n- x\n- 'y'\n", "{ a@1:1=number(1)@1:4 b@2:1=[ text(x)@3:3 text(y)@4:3 ] }"},
		{"JSON", "{\"a\": 1,\n \"b\": [true, \"\\ud83d\\ude00\"]}\n", "{ a@1:2=number(1)@1:7 b@2:2=[ bool(true)@2:8 text(😀)@2:14 ] }"},
		{"JSON in one line", `{"a": [1, null], "b": {}}`, "{ a@0:0=[ number(1)@0:0 null()@0:0 ] b@0:0={ } }"},
		{"words", "[yes, Off, 010, 1_0, 0x1F, .5, ~, '1', !!str 2, a b]", "[ bool(yes)@1:2 bool(Off)@1:7 number(010)@1:12 number(1_0)@1:17 " +
			"number(0x1F)@1:22 number(.5)@1:28 null(~)@1:32 text(1)@1:35 text(2)@1:40 text(a b)@1:49 ]"},
		{"an alias", "a: &x {b: 1}\nc: *x\n", "{ a@1:1={ b@1:8=number(1)@1:11 } c@2:1={ b@1:8=number(1)@1:11 } }"},
		{"merged", "a: &x {b: 1, c: 2}\nd: {<<: *x, b: 3}\n", "{ a@1:1={ b@1:8=number(1)@1:11 c@1:14=number(2)@1:17 } d@2:1={ b@2:13=number(3)@2:16 c@1:14=number(2)@1:17 } }"},
		{"a mark and an end", "\ufeffa: 1\r\n---\n...\n", "{ a@1:1=number(1)@1:4 }"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			documents, problems := tree.Read([]byte(tt.text))
			if len(documents) != 1 || len(problems) != 0 {
				t.Fatalf("Read = %d documents, %v", len(documents), problems)
			}
			if diff := cmp.Diff(tt.want, show(documents[0])); diff != "" {
				t.Errorf("Read(%q) differs (-want +got):\n%s", tt.text, diff)
			}
		})
	}
}

// Each of these is told by its line and column, and in words that say what to do.
func TestProblems(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		text         string
		line, column int
		said         string
	}{
		{"a: 1\na: 2\n", 2, 1, "given twice"},
		{"{\"a\": 1,\n\"a\": 2}", 2, 1, "given twice"},
		{"a: @x\n", 1, 4, "begins with @"},
		{"a: `x`\n", 1, 4, "begins with `"},
		{"a: %x\n", 1, 4, "begins with %"},
		{"a: *\n", 1, 5, "begins with *"},
		{"a: *x\n", 1, 4, "begins with *"},
		{"a: &\n", 1, 5, "begins with"},
		{"a: !x y\n", 1, 4, "begins with !"},
		{"a: |x\n", 1, 5, "begins with |"},
		{"a:\n\tb: 1\n", 2, 1, "a tab"},
		{"\ta: 1\n", 1, 1, "a tab"},
		{"a: 1\n  b: 2\n", 2, 4, "indented wrongly"},
		{"a: b: c\n", 1, 5, "without quotes"},
		{"- a: 1\n b: 2\n", 2, 2, "does not fit"},
		{"a: {b: c\nd: e\n", 2, 2, "is not closed"},
		{"a: [b\n", 2, 1, "is not closed"},
		{"a: \"b\nc: d\n", 1, 4, "quote is not closed"},
		{"a: 'b\n", 1, 4, "quote is not closed"},
		{"a: 1\nfoo\nb: 2\n", 3, 1, "has no value"},
		{"a: - x\n", 1, 4, "next line"},
		{"a: \"\\d\"\n", 1, 5, "escape"},
		{"a: “x”\n", 1, 4, "typographic"},
		{"? [a]\n: b\n", 1, 3, "must be a text"},
		{"a: {<<: 1}\n", 1, 9, "takes a mapping"},
		{"{\"a\": 1,\n \"b\": [1,2}\n", 2, 11, "not valid JSON"},
	} {
		documents, problems := tree.Read([]byte(tt.text))
		if len(problems) != 1 {
			t.Errorf("Read(%q) = %v, want one problem", tt.text, problems)
			continue
		}
		p := problems[0]
		if p.Line != tt.line || p.Column != tt.column || !strings.Contains(p.Text, tt.said) {
			t.Errorf("Read(%q): %d:%d %s, want %d:%d … %s", tt.text, p.Line, p.Column, p.Text, tt.line, tt.column, tt.said)
		}
		if (p.Path == nil) != (documents == nil) {
			t.Errorf("Read(%q): path %v, %d documents", tt.text, p.Path, len(documents))
		}
	}
}

// A few lines can stand for billions of values, or for a value in itself.
func TestAliases(t *testing.T) {
	t.Parallel()
	var bomb strings.Builder
	bomb.WriteString("a0: &a0 [x, x]\n")
	for i := range 40 {
		fmt.Fprintf(&bomb, "a%d: &a%d [*a%d, *a%d]\n", i+1, i+1, i, i)
	}
	for _, text := range []string{bomb.String(), "a: &x [*x]\n", "&x {a: *x}\n"} {
		documents, problems := tree.Read([]byte(text))
		if documents != nil || len(problems) != 1 || !strings.Contains(problems[0].Text, "aliases") {
			t.Errorf("Read(%.30q) = %d documents, %v, want a word about aliases", text, len(documents), problems)
		}
	}
}

func TestDocuments(t *testing.T) {
	t.Parallel()
	documents, problems := tree.Read([]byte("a: 1\n---\n# nothing\n---\nb: 2\n"))
	if len(documents) != 2 || len(problems) != 0 || documents[1].Line != 5 {
		t.Errorf("Read = %d documents, %v, want those of lines 1 and 5", len(documents), problems)
	}
}
