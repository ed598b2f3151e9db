package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCheckNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	ours, err := os.ReadFile("../../../LICENSE")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, file, text, want string
	}{
		{"a licence that is allowed", "LICENSE", string(ours), ""},
		{"one that is not", "LICENSE", "See http://creativecommons.org/licenses/by-nc/4.0", "CC-BY-NC-4.0 is none of"},
		{"another file beside it", "COPYING.txt", "See http://creativecommons.org/licenses/by-nd/4.0", "CC-BY-ND-4.0 is none of"},
		{"terms of a vendor's own", "licence.md", strings.Repeat("You may not use this but for money. ", 20), "0% of the text"},
		{"none", "README.md", "Apache-2.0", "no text of a licence"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for name, text := range map[string]string{c.file: c.text, "go.mod": "module x"} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			err := check(map[string]string{"example.com/x": dir})
			switch {
			case c.want == "" && err != nil:
				t.Errorf("%v, want no error", err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "example.com/x")):
				t.Errorf("%v, want %q of the module", err, c.want)
			}
		})
	}
}

// TestEachModuleIsListed wants a module that is linked to be among what is looked at.
func TestEachModuleIsListed(t *testing.T) {
	t.Parallel()
	dirs, err := dependencies([]string{"./..."})
	if err != nil || dirs["github.com/google/licensecheck"] == "" {
		t.Errorf("the modules of this one are %v, %v", dirs, err)
	}
}
