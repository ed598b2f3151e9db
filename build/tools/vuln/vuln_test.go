// Package vuln tests build/vuln.sh, which make check runs, with databases of its own.
package vuln_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// database makes one of Go's form, with a vulnerability of one function of a module that filter/wire calls, or without any.
func database(t *testing.T, function string) (dir string) {
	t.Helper()
	const module, when = "github.com/twmb/franz-go/pkg/kmsg", "2026-01-01T00:00:00Z"
	modules := []any{}
	files := map[string]any{"index/db.json": map[string]any{"modified": when}, "index/vulns.json": []any{}}
	if function != "" {
		modules = append(modules, map[string]any{"path": module, "vulns": []any{map[string]any{"id": "GO-2026-9999", "modified": when}}})
		files["ID/GO-2026-9999.json"] = map[string]any{
			"schema_version": "1.3.1", "id": "GO-2026-9999", "modified": when, "published": when, "summary": "made up",
			"affected": []any{map[string]any{
				"package":            map[string]any{"name": module, "ecosystem": "Go"},
				"ranges":             []any{map[string]any{"type": "SEMVER", "events": []any{map[string]any{"introduced": "0"}}}},
				"ecosystem_specific": map[string]any{"imports": []any{map[string]any{"path": module, "symbols": []string{function}}}},
			}},
		}
	}
	files["index/modules.json"] = modules
	dir = t.TempDir()
	for name, content := range files {
		text, err := json.Marshal(content)
		if err == nil {
			err = os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755)
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// look looks for what filter/wire calls.
func look(t *testing.T, environment string) (said string, err error) {
	t.Helper()
	script := exec.CommandContext(t.Context(), "../../vuln.sh", "./filter/wire")
	script.Env = append(os.Environ(), "GOVULNDB=", environment)
	out, err := script.CombinedOutput()
	return string(out), err
}

func TestFindsWhatIsCalledAndSaysWhatIsLeftOut(t *testing.T) {
	t.Parallel()
	// This fetches modules, too, which cannot be fetched any more where nothing can be reached.
	if said, err := look(t, "GOVULNDB=file://"+database(t, "")); err != nil || !strings.Contains(said, "No vulnerabilities found") {
		t.Fatalf("where none is known: %v\n%s", err, said)
	}
	for _, c := range []struct {
		name, environment, want string
		fails                   bool
	}{
		{"one is called", "GOVULNDB=file://" + database(t, "RequestForKey"), "GO-2026-9999", true},
		{"one is not called", "GOVULNDB=file://" + database(t, "NobodyCallsThis"), "Your code is affected by 0 vulnerabilities", false},
		{"the copy is missing", "GOVULNDB=file:///nowhere/at/all", "nowhere", true},
		{"nothing can be reached", "HTTPS_PROXY=http://127.0.0.1:1", "LEFT OUT", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			said, err := look(t, c.environment)
			if (err != nil) != c.fails || !strings.Contains(said, c.want) {
				t.Errorf("%v, want a failure: %t, and %q in\n%s", err, c.fails, c.want, said)
			}
		})
	}
}
