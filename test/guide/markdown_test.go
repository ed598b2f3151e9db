package guide

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// block is a fenced block of a document.
type block struct {
	file     string
	line     int    // of the fence that begins it, from 1
	language string // behind the fence
	note     string // in a comment on the line above, "" if there is none
	text     string
	section  string // the heading of the second level that it is below
}

func (b *block) String() string { return fmt.Sprintf("%s:%d", b.file, b.line) }

// shell tells whether it is made of commands.
func (b *block) shell() bool { return b.language == "sh" }

// kind is the first word of the note, and about is what stands behind its colon.
func (b *block) kind() (kind, about string) {
	head, about, _ := strings.Cut(b.note, ":")
	return head, strings.TrimSpace(about)
}

// blocks reads the fenced blocks of a document.
func blocks(t *testing.T, file string) []block {
	t.Helper()
	raw, err := os.ReadFile(top(t, file))
	if err != nil {
		t.Fatal(err)
	}
	var list []block
	var open *block
	indent, above, section := "", "", ""
	for i, line := range strings.Split(string(raw), "\n") {
		words := strings.TrimLeft(line, " ")
		switch {
		case open != nil && words == "```":
			list, open = append(list, *open), nil
		case open != nil:
			open.text += strings.TrimPrefix(line, indent) + "\n"
		case strings.HasPrefix(words, "```"):
			indent = line[:len(line)-len(words)]
			open = &block{file: file, line: i + 1, language: words[3:], note: comment(above), section: section}
		case strings.HasPrefix(line, "## "):
			section = line[3:]
		}
		above = words
	}
	if open != nil {
		t.Fatalf("%s does not end", open)
	}
	return list
}

// comment is what stands in a line that is a comment, and else nothing.
func comment(line string) string {
	text, begins := strings.CutPrefix(line, "<!-- ")
	text, ends := strings.CutSuffix(text, " -->")
	if !begins || !ends {
		return ""
	}
	return text
}
