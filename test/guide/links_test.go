package guide

import (
	"errors"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

var (
	fenced = regexp.MustCompile("(?ms)^ *```.*?^ *```$")
	link   = regexp.MustCompile(`\]\(([^)\s]+)\)`)
)

// links are those of a document that lead to other files of the repository, or to a heading of its own.
func links(t *testing.T, file string) []string {
	t.Helper()
	raw, err := os.ReadFile(top(t, file))
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, found := range link.FindAllStringSubmatch(fenced.ReplaceAllString(string(raw), ""), -1) {
		if !strings.Contains(found[1], "://") && !strings.HasPrefix(found[1], "mailto:") {
			list = append(list, found[1])
		}
	}
	return list
}

// there says why a file, or a heading in it, is not there.
func there(t *testing.T, file, heading string) error {
	t.Helper()
	if _, err := os.Stat(top(t, file)); err != nil {
		return err
	}
	if heading != "" && !slices.Contains(anchors(t, file), heading) {
		return errors.New("there is no such heading")
	}
	return nil
}

// anchors are how the headings of a document are linked to.
func anchors(t *testing.T, file string) []string {
	t.Helper()
	var list []string
	for _, title := range headings(t, file) {
		list = append(list, anchor(title))
	}
	return list
}

var heading = regexp.MustCompile(`(?m)^#+ (.*)$`)

func headings(t *testing.T, file string) []string {
	t.Helper()
	raw, err := os.ReadFile(top(t, file))
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, found := range heading.FindAllStringSubmatch(fenced.ReplaceAllString(string(raw), ""), -1) {
		list = append(list, found[1])
	}
	return list
}

// anchor is a heading as GitHub links to it: small letters, dashes for spaces, and no other signs.
func anchor(title string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case unicode.IsLetter(r) || unicode.IsDigit(r) || r == '-' || r == '_':
			return unicode.ToLower(r)
		default:
			return -1
		}
	}, title)
}
