package arch

import (
	"go/ast"
	"slices"
	"strconv"
	"testing"
)

// pure are the packages that turn values into values.
var pure = []string{"wire", "record", "route", "groups"}

// impure is what they have no use for: I/O, clocks and logs.
var impure = []string{"net", "os", "time", "log", "log/slog", "context"}

// TestPure wants packages that are said to be pure to reach for nothing of the world, and to start no goroutine.
func TestPure(t *testing.T) {
	t.Parallel()
	for _, name := range pure {
		files := parseTree(t, "../../filter/"+name)["../../filter/"+name]
		if len(files) == 0 {
			t.Errorf("filter/%s has no files", name)
		}
		for file, f := range files {
			for _, spec := range f.Imports {
				if path, _ := strconv.Unquote(spec.Path.Value); slices.Contains(impure, path) {
					t.Errorf("filter/%s/%s imports %s", name, file, path)
				}
			}
			ast.Inspect(f, func(n ast.Node) bool {
				if _, ok := n.(*ast.GoStmt); ok {
					t.Errorf("filter/%s/%s starts a goroutine", name, file)
				}
				return true
			})
		}
	}
}
