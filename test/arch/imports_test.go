// Package arch holds the checks that keep the architecture as drawn.
package arch

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
)

const module = "github.com/kafkamesh/envoy-kafka-mesh"

// TestImports compares every package's imports with docs/architecture.md.
func TestImports(t *testing.T) {
	t.Parallel()
	allowed := readGraph(t, "../../docs/architecture.md")
	for pkg, imports := range listImports(t) {
		may, ok := allowed[pkg]
		if !ok {
			t.Errorf("%s is not in docs/architecture.md", pkg)
			continue
		}
		for _, imp := range imports {
			if !permitted(imp, may) {
				t.Errorf("%s imports %s, which docs/architecture.md does not allow", pkg, imp)
			}
		}
	}
}

func permitted(imp string, may []string) bool {
	inside := strings.HasPrefix(imp, module+"/")
	imp = strings.TrimPrefix(imp, module+"/")
	if !inside && !strings.Contains(strings.Split(imp, "/")[0], ".") {
		return true // standard library
	}
	for _, m := range may {
		if imp == m || !inside && strings.HasPrefix(imp, m+"/") {
			return true
		}
	}
	return false
}

func readGraph(t *testing.T, path string) map[string][]string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	graph := map[string][]string{}
	in, pkg := false, ""
	for s := bufio.NewScanner(f); s.Scan(); {
		line := s.Text()
		if strings.HasPrefix(line, "```") {
			in = line == "```imports"
			continue
		}
		if !in {
			continue
		}
		imports := line // more of the package before, if it begins with blanks
		if !strings.HasPrefix(line, " ") {
			pkg, imports, _ = strings.Cut(line, ":")
		}
		graph[pkg] = append(graph[pkg], strings.Fields(imports)...)
	}
	return graph
}

func listImports(t *testing.T) map[string][]string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports", "../../...")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	graph := map[string][]string{}
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := d.Decode(&p); err == io.EOF {
			return graph
		} else if err != nil {
			t.Fatal(err)
		}
		graph[strings.TrimPrefix(p.ImportPath, module+"/")] = p.Imports
	}
}
