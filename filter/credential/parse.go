package credential

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/dial"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/follower"
)

const (
	// MaxPrincipal is the longest principal that can be mapped, in bytes: nobody can log in as a longer one.
	MaxPrincipal = 255

	maxLine     = 8 << 10 // bytes
	maxLines    = 100_000
	defaultWord = "@default"

	byteOrderMark = "\ufeff" // which some editors write
)

// Table is who the principals are to a cluster. It does not change.
type Table struct {
	of        map[string]Credential
	otherwise *Credential // nil: who is not named is nobody
	lines     []numbered
	known     map[Credential]bool // those of all lines
}

// numbered is the credential of a line.
type numbered struct {
	number     int
	credential Credential
}

// Kind says how a principal comes by a credential.
type Kind uint8

// The kinds.
const (
	// None: it has none.
	None Kind = iota
	// Own: it is named.
	Own
	// Default: it has that of all who are not named.
	Default
)

// Of is the credential of a principal, and how it comes by that.
func (t *Table) Of(principal string) (c Credential, by Kind) {
	if c, named := t.of[principal]; named {
		return c, Own
	}
	if t.otherwise != nil {
		return *t.otherwise, Default
	}
	return Credential{}, None
}

// Len is how many credentials there are.
func (t *Table) Len() int {
	n := len(t.of)
	if t.otherwise != nil {
		n++
	}
	return n
}

// Principals are those that are named, in order.
func (t *Table) Principals() []string { return slices.Sorted(maps.Keys(t.of)) }

// has reports whether a credential is that of a line. There is none before the first table.
func (t *Table) has(c Credential) bool { return t != nil && t.known[c] }

// Parse reads a file of credentials for a cluster that the mesh reaches as of says: on each line a principal and what the cluster lets it in
// by, with blanks between them. What has blanks in it, or begins with a quotation mark, is written in those, with \" and \\ for what is no
// end. In place of a principal, @default stands for all who are not named. Lines that are empty or begin with # are comments. Errors name
// lines, and have nothing of what is in them.
func Parse(raw []byte, of dial.Settings) (*Table, error) {
	t := &Table{of: map[string]Credential{}, known: map[Credential]bool{}}
	lines := strings.Split(strings.TrimPrefix(string(raw), byteOrderMark), "\n")
	if len(lines) > maxLines {
		return nil, fmt.Errorf("more than %d lines", maxLines)
	}
	first := map[string]int{} // where principals are named
	var wrong follower.Mistakes
	for i, line := range lines {
		if err := t.take(i+1, strings.TrimSuffix(line, "\r"), of, first); err != nil {
			wrong.Add(fmt.Errorf("line %d: %w", i+1, err))
		}
		if wrong.Full() {
			break
		}
	}
	if err := wrong.Err(); err != nil {
		return nil, err
	}
	if t.Len() == 0 { // as while it is being written
		return nil, errors.New("no principal in it")
	}
	return t, nil
}

// take reads one line.
func (t *Table) take(number int, line string, of dial.Settings, first map[string]int) error {
	switch {
	case len(line) > maxLine:
		return fmt.Errorf("longer than %d bytes", maxLine)
	case !utf8.ValidString(line):
		return errors.New("not UTF-8")
	}
	words, bare, err := split(line)
	switch {
	case err != nil:
		return err
	case len(words) == 0:
		return nil
	}
	who := words[0]
	c, err := read(words[1:], of)
	if err != nil {
		return err
	}
	t.lines, t.known[c] = append(t.lines, numbered{number, c}), true
	if bare && strings.HasPrefix(who, "@") {
		return t.takeDefault(who, c)
	}
	if err := checkPrincipal(who); err != nil {
		return err
	}
	if at, twice := first[who]; twice {
		return fmt.Errorf("the principal of line %d again", at)
	}
	first[who] = number
	t.of[who] = c
	return nil
}

// takeDefault reads the rest of a line that begins with a word of ours.
func (t *Table) takeDefault(word string, c Credential) error {
	switch {
	case word != defaultWord:
		return errors.New("a word with @ that is not " + defaultWord + "; put a principal that begins so into quotation marks")
	case t.otherwise != nil:
		return errors.New("a second " + defaultWord)
	}
	t.otherwise = &c
	return nil
}

// checkPrincipal says what is wrong with a principal.
func checkPrincipal(who string) error {
	switch {
	case who == "":
		return errors.New("an empty principal")
	case len(who) > MaxPrincipal:
		return fmt.Errorf("a principal of more than %d bytes", MaxPrincipal)
	case strings.ContainsFunc(who, unicode.IsControl):
		return errors.New("a principal with control characters")
	case strings.HasPrefix(who, "User:"):
		return errors.New("a principal that begins with User:, which principals do not have here; write what follows it alone")
	}
	return nil
}

// split takes a line apart into words. bare says that the first is not in quotation marks.
func split(line string) (words []string, bare bool, err error) {
	rest := strings.Trim(line, " \t")
	if strings.HasPrefix(rest, "#") {
		return nil, false, nil
	}
	bare = !strings.HasPrefix(rest, `"`)
	for rest != "" {
		var word string
		if rest[0] == '"' {
			word, rest, err = unquote(rest)
		} else {
			end := strings.IndexAny(rest+" ", " \t")
			word, rest = rest[:end], rest[end:]
		}
		if err != nil {
			return nil, false, err
		}
		words = append(words, word)
		rest = strings.TrimLeft(rest, " \t")
	}
	return words, bare, nil
}

// unquote reads a word in quotation marks.
func unquote(line string) (word, rest string, err error) {
	quoted, err := strconv.QuotedPrefix(line)
	if err != nil {
		return "", "", errors.New("a quotation mark without its end")
	}
	rest = line[len(quoted):]
	switch word, err = strconv.Unquote(quoted); {
	case err != nil, !utf8.ValidString(word):
		return "", "", errors.New("what is in quotation marks cannot be read")
	case rest != "" && rest[0] != ' ' && rest[0] != '\t':
		return "", "", errors.New("something right behind a quotation mark")
	}
	return word, rest, nil
}
