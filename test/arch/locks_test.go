package arch

import (
	"go/ast"
	"strings"
	"testing"
)

// deferring are the packages that give back every mutex with defer, and not only where it is known that a bug can meet it.
var deferring = []string{
	"filter/broker", "filter/dial", "filter/groups", "filter/host/dynamic", "filter/login", "filter/notices", "filter/session", "filter/stats",
	"filter/upstream/fetch", "filter/upstream/saramaclient",
}

// TestLocks wants every mutex that is locked in those packages to be given back by the next statement, deferred: panics are recovered from,
// and one in between would leave it locked for ever.
func TestLocks(t *testing.T) {
	t.Parallel()
	for dir, found := range lockings(t) {
		if found.n == 0 {
			t.Errorf("%s: no mutex found: does the test still see them?", dir)
		}
		for _, where := range found.open {
			t.Errorf("%s: a mutex is locked in %s, and the next statement is no defer that gives it back", dir, where)
		}
	}
}

// locking is where mutexes are locked in one package.
type locking struct {
	n    int
	open []string // files where one is not given back by a defer that follows
}

func lockings(t *testing.T) map[string]*locking {
	t.Helper()
	all := map[string]*locking{}
	for _, dir := range deferring {
		found := &locking{}
		all[dir] = found
		for name, f := range parseTree(t, "../../"+dir)["../../"+dir] {
			ast.Inspect(f, func(n ast.Node) bool {
				list := statements(n)
				for i, s := range list {
					what := locks(s)
					if what == "" {
						continue
					}
					if found.n++; i+1 == len(list) || !givesBack(list[i+1], what) {
						found.open = append(found.open, name)
					}
				}
				return true
			})
		}
	}
	return all
}

// statements are those that follow one another in n.
func statements(n ast.Node) []ast.Stmt {
	switch n := n.(type) {
	case *ast.BlockStmt:
		return n.List
	case *ast.CaseClause:
		return n.Body
	case *ast.CommClause:
		return n.Body
	default:
		return nil
	}
}

// locks is what a statement locks; empty: nothing.
func locks(s ast.Stmt) string {
	if e, ok := s.(*ast.ExprStmt); ok {
		return of(e.X, "Lock")
	}
	return ""
}

// givesBack reports whether a statement defers the unlocking of what.
func givesBack(s ast.Stmt, what string) bool {
	d, ok := s.(*ast.DeferStmt)
	return ok && of(d.Call, "Unlock") == what
}

// of is what a method whose name ends so is called of; empty: it is another.
func of(e ast.Expr, name string) string {
	call, ok := e.(*ast.CallExpr)
	if !ok {
		return ""
	}
	f, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || strings.TrimPrefix(f.Sel.Name, "R") != name {
		return ""
	}
	return path(f.X)
}

// path is a chain of names, with dots.
func path(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return path(e.X) + "." + e.Sel.Name
	default:
		return "?"
	}
}
