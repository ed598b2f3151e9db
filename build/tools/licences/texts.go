package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/licensecheck"
)

// allowed are the licences, by the names of SPDX, of what we may link into what we ship under Apache-2.0. Of MPL-2.0 only what we do not
// change: its text, which the release has beside it, says where the source is.
//
//nolint:gochecknoglobals // a table
var allowed = []string{"Apache-2.0", "BSD-2-Clause", "BSD-2-Clause-Views", "BSD-3-Clause", "ISC", "MIT", "MPL-2.0"}

// known is how much of a text, in percent, has to be of licences that are known.
const known = 75

// check looks at the licences of modules, and names all that are wrong.
func check(dirs map[string]string) error {
	var wrong []error
	for _, path := range slices.Sorted(maps.Keys(dirs)) {
		if err := module(dirs[path]); err != nil {
			wrong = append(wrong, fmt.Errorf("%s: %w", path, err))
		}
	}
	return errors.Join(wrong...)
}

// module looks at all licences that a folder has a text of.
func module(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	var wrong []error
	texts := 0
	for _, e := range entries {
		if e.IsDir() || !named(e.Name()) {
			continue
		}
		texts++
		content, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err == nil {
			err = text(content)
		}
		if err != nil {
			wrong = append(wrong, fmt.Errorf("%s: %w", e.Name(), err))
		}
	}
	if texts == 0 {
		return errors.New("there is no text of a licence")
	}
	return errors.Join(wrong...)
}

// named says whether a file is called as texts of licences are.
func named(file string) bool {
	file = strings.ToUpper(file)
	return slices.ContainsFunc([]string{"LICENSE", "LICENCE", "COPYING"}, func(prefix string) bool { return strings.HasPrefix(file, prefix) })
}

// text looks at one text, which may have several licences.
func text(content []byte) error {
	found := licensecheck.Scan(content)
	for _, m := range found.Match {
		if !slices.Contains(allowed, m.ID) {
			return fmt.Errorf("the licence %s is none of %s", m.ID, strings.Join(allowed, ", "))
		}
	}
	if found.Percent < known {
		return fmt.Errorf("%.0f%% of the text are of a known licence", found.Percent)
	}
	return nil
}
