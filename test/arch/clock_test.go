package arch

import (
	"go/ast"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// wall are the functions that read the time of day from a time, or make one of it: the difference of such times is not what has
// passed when somebody sets the clock. time.Now, Sub, Since, Until and timers are steady.
var wall = []string{"Unix", "UnixMilli", "UnixMicro", "UnixNano", "Date", "Parse", "ParseInLocation", "UTC", "Local", "In", "AddDate"}

// timesOfDay are the files that are about the time of day.
var timesOfDay = map[string]string{
	"filter/accesslog/json.go":       "a line says when a request came",
	"filter/dial/google/shape.go":    "a token's end is a time of day",
	"filter/dial/oauth.go":           "a token's end is a time of day",
	"filter/dial/amazon/identity.go": "a token's end is a time of day",
	"filter/dial/assertion.go":       "an assertion's end is a time of day",
	"filter/dial/token/token.go":     "a token's end is a time of day",
}

// TestSteadyClock wants nothing else in filter to depend on the time of day: clocks are stepped.
func TestSteadyClock(t *testing.T) {
	t.Parallel()
	met := map[string]bool{}
	for dir, files := range parseTree(t, "../../filter") {
		for name, f := range files {
			file := filepath.Join(strings.TrimPrefix(dir, "../../"), name)
			if !slices.ContainsFunc(f.Imports, func(i *ast.ImportSpec) bool { return i.Path.Value == `"time"` }) {
				continue
			}
			ast.Inspect(f, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok {
					return true
				}
				s, ok := call.Fun.(*ast.SelectorExpr)
				if !ok || !slices.Contains(wall, s.Sel.Name) && !isRoundZero(s, call) || isOf(s, "url") {
					return true
				}
				met[file] = true
				if _, ok := timesOfDay[file]; !ok {
					t.Errorf("%s uses %s: it depends on the time of day", file, s.Sel.Name)
				}
				return true
			})
		}
	}
	for file, why := range timesOfDay {
		if !met[file] {
			t.Errorf("%s is excused (%s), but does not depend on the time of day", file, why)
		}
	}
}

// isOf reports whether a function is one of a package.
func isOf(s *ast.SelectorExpr, pkg string) bool {
	of, ok := s.X.(*ast.Ident)
	return ok && of.Name == pkg
}

// isRoundZero reports whether a call strips a time of its steady part.
func isRoundZero(s *ast.SelectorExpr, call *ast.CallExpr) bool {
	if s.Sel.Name != "Round" && s.Sel.Name != "Truncate" || len(call.Args) != 1 {
		return false
	}
	n, ok := call.Args[0].(*ast.BasicLit)
	return ok && n.Value == "0"
}
