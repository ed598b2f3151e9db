// Package document reads documents for tests, and compares what they say with what code makes of it: tables that a test writes, and another
// run of it checks.
package document

import (
	"os"
	"strings"
	"testing"
)

// Compare wants the part of a file between two lines to be made, or with update makes it so. The line that begins it names the command
// that does, so that whoever reads the file finds it.
func Compare(tb testing.TB, file, begin, end, made string, update bool) {
	tb.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		tb.Fatal(err)
	}
	head, rest, begins := strings.Cut(string(raw), begin)
	is, tail, ends := strings.Cut(rest, end)
	switch {
	case !begins || !ends:
		tb.Fatalf("%s has no lines %q and %q", file, begin, end)
	case is == made:
	case !update:
		tb.Errorf("%s is out of date: see its line %s", file, strings.TrimSpace(begin))
	default:
		if err := os.WriteFile(file, []byte(head+begin+made+end+tail), 0o600); err != nil {
			tb.Fatal(err)
		}
	}
}
