package document

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
)

// Files are all files of Markdown below the top folder of the repository, which root is.
func Files(tb testing.TB, root string) []string {
	tb.Helper()
	cmd := exec.CommandContext(tb.Context(), "git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		tb.Fatal(err)
	}
	return strings.Fields(string(out))
}

// Read is the text of a file of the repository.
func Read(tb testing.TB, root, file string) string {
	tb.Helper()
	raw, err := os.ReadFile(filepath.Join(root, file))
	if err != nil {
		tb.Fatal(err)
	}
	return string(raw)
}

// Block is a fenced block of a document.
type Block struct {
	File     string
	Line     int    // of the fence that begins it, from 1
	Language string // behind the fence
	Note     string // in a comment on the line above, "" if there is none
	Text     string
	Section  string // the heading of the second level that it is below
}

func (b *Block) String() string { return fmt.Sprintf("%s:%d", b.File, b.Line) }

// Shell tells whether it is made of commands.
func (b *Block) Shell() bool { return b.Language == "sh" }

// Kind is what stands before the colon of the note, and about is what stands behind it.
func (b *Block) Kind() (kind, about string) {
	head, about, _ := strings.Cut(b.Note, ":")
	return head, strings.TrimSpace(about)
}

// Blocks are the fenced blocks of a document.
func Blocks(tb testing.TB, root, file string) []Block {
	tb.Helper()
	var list []Block
	var open *Block
	indent, above, section := "", "", ""
	for i, line := range strings.Split(Read(tb, root, file), "\n") {
		words := strings.TrimLeft(line, " ")
		switch {
		case open != nil && words == "```":
			list, open = append(list, *open), nil
		case open != nil:
			open.Text += strings.TrimPrefix(line, indent) + "\n"
		case strings.HasPrefix(words, "```"):
			indent = line[:len(line)-len(words)]
			open = &Block{File: file, Line: i + 1, Language: words[3:], Note: comment(above), Section: section}
		case strings.HasPrefix(line, "## "):
			section = line[3:]
		}
		above = words
	}
	if open != nil {
		tb.Fatalf("%s does not end", open)
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

var (
	fenced  = regexp.MustCompile("(?ms)^ *```.*?^ *```$")
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^(#+) (.*)$`)
)

// Links are those of a document that lead to other files of the repository, or to a heading of its own.
func Links(text string) (list []string) {
	for _, found := range link.FindAllStringSubmatch(fenced.ReplaceAllString(text, ""), -1) {
		if !strings.Contains(found[1], "://") && !strings.HasPrefix(found[1], "mailto:") {
			list = append(list, found[1])
		}
	}
	return list
}

// Heading is a heading of a document.
type Heading struct {
	Level int
	Title string
}

// Headings are those of a document, in their order.
func Headings(text string) (list []Heading) {
	for _, found := range heading.FindAllStringSubmatch(fenced.ReplaceAllString(text, ""), -1) {
		list = append(list, Heading{len(found[1]), found[2]})
	}
	return list
}

// Anchor is how GitHub calls it in links: small letters, dashes for spaces, and no other signs.
func (h Heading) Anchor() string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case unicode.IsLetter(r) || unicode.IsDigit(r) || r == '-' || r == '_':
			return unicode.ToLower(r)
		default:
			return -1
		}
	}, h.Title)
}
