package arch

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

// rooms are the types of a package whose fields only their own file may touch, and the packages' other files by methods alone.
var rooms = map[string][]string{
	"filter/session": {
		"output", "outgoing", "input", "kept", "inflight", "place", "slice", "ends", "counted", // of a session
		"budget", "debit", "arrivals", "arrival", "unread", "backlog", "turns", "roster", // of a worker
	},
	"filter/notices": {"lines", "recent"},
	"filter/wire":    {"Framer", "Table"},
}

// TestRooms wants a room's inside to be touched by nobody else.
func TestRooms(t *testing.T) {
	t.Parallel()
	for pkg, names := range rooms {
		set := token.NewFileSet()
		info := &types.Info{Selections: map[*ast.SelectorExpr]*types.Selection{}}
		checked := check(t, set, pkg, info)
		for _, name := range names {
			if checked.Scope().Lookup(name) == nil {
				t.Errorf("%s has no room %s", pkg, name)
			}
		}
		for expr, selection := range info.Selections {
			field, ok := selection.Obj().(*types.Var)
			if !ok || !slices.Contains(names, owner(selection)) {
				continue
			}
			at, home := set.Position(expr.Pos()), set.Position(field.Pos())
			if at.Filename != home.Filename {
				t.Errorf("%s:%d touches %s.%s, which is for %s alone", filepath.Base(at.Filename), at.Line,
					owner(selection), field.Name(), filepath.Base(home.Filename))
			}
		}
	}
}

// owner is the type whose field is selected.
func owner(s *types.Selection) string {
	of := s.Recv()
	if p, ok := of.Underlying().(*types.Pointer); ok {
		of = p.Elem()
	}
	if n, ok := of.(*types.Named); ok {
		return n.Obj().Name()
	}
	return ""
}

// check type-checks the production code of a package.
func check(t *testing.T, set *token.FileSet, pkg string, info *types.Info) *types.Package {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-export", "-deps", "-json=ImportPath,Export,GoFiles,Dir", "../../"+pkg).Output()
	if err != nil {
		t.Fatal(err)
	}
	exports := map[string]string{}
	var files []*ast.File
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			ImportPath, Export, Dir string
			GoFiles                 []string
		}
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		exports[p.ImportPath] = p.Export
		if p.ImportPath != module+"/"+pkg {
			continue
		}
		for _, name := range p.GoFiles {
			f, err := parser.ParseFile(set, filepath.Join(p.Dir, name), nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, f)
		}
	}
	c := types.Config{Importer: importer.ForCompiler(set, "gc", func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) })}
	checked, err := c.Check(module+"/"+pkg, set, files, info)
	if err != nil {
		t.Fatal(err)
	}
	return checked
}
