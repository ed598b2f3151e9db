package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// guards are the functions and methods that stop a panic: deferred first, or called with all that there is to do.
var guards = []string{"recover", "guard", "attempt", "caught", "Guard", "Attempt"}

// starters run a function on another goroutine, or later: nobody above it on the stack would stop a panic. sync.OnceFunc and its
// like are none: they run on the stack of who calls.
var starters = []string{"AfterFunc", "Go"}

// TestGuards finds every goroutine, timer and callback of the runtime that is started in filter, every hook that Envoy calls, and
// wants each to run under a guard: a panic there would end a process that is not ours.
func TestGuards(t *testing.T) {
	t.Parallel()
	found := 0
	for dir, files := range parseTree(t, "../../filter") {
		p := &guarded{t: t, funcs: map[string][]*ast.BlockStmt{}}
		for _, f := range files {
			for _, d := range f.Decls {
				if fn, ok := d.(*ast.FuncDecl); ok {
					p.funcs[fn.Name.Name] = append(p.funcs[fn.Name.Name], fn.Body)
				}
			}
		}
		for name, f := range files {
			p.file = filepath.Join(strings.TrimPrefix(dir, "../../"), name)
			ast.Inspect(f, p.look)
		}
		found += p.found
	}
	if found < 30 {
		t.Errorf("only %d places found: does the test still see them?", found)
	}
}

// guarded looks through one package.
type guarded struct {
	t     *testing.T
	funcs map[string][]*ast.BlockStmt // by name: methods of one name must all be guarded, for here they look the same
	file  string
	found int
}

func (p *guarded) look(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.GoStmt:
		p.want(n.Call.Fun, "go")
	case *ast.CallExpr:
		if s, ok := n.Fun.(*ast.SelectorExpr); ok && slices.Contains(starters, s.Sel.Name) && len(n.Args) > 0 {
			p.want(n.Args[len(n.Args)-1], s.Sel.Name)
		}
	case *ast.FuncDecl:
		if n.Doc != nil && slices.ContainsFunc(n.Doc.List, func(c *ast.Comment) bool { return strings.HasPrefix(c.Text, "//export ") }) {
			p.want(n.Name, "export")
		}
	}
	return true
}

// want checks what is started: a function literal, or something declared in the package.
func (p *guarded) want(what ast.Expr, starter string) {
	p.found++
	name := "func literal"
	var bodies []*ast.BlockStmt
	switch what := what.(type) {
	case *ast.FuncLit:
		bodies = []*ast.BlockStmt{what.Body}
	case *ast.Ident:
		name = what.Name
	case *ast.SelectorExpr:
		name = what.Sel.Name
	}
	if bodies == nil {
		bodies = p.funcs[name]
	}
	if len(bodies) == 0 || slices.ContainsFunc(bodies, func(b *ast.BlockStmt) bool { return !isGuarded(b) }) {
		p.t.Errorf("%s: %s, started with %s, runs without a guard", p.file, name, starter)
	}
}

// isGuarded reports whether a body defers a guard first, or does nothing but call one.
func isGuarded(body *ast.BlockStmt) bool {
	if len(body.List) == 0 {
		return true
	}
	switch first := body.List[0].(type) {
	case *ast.DeferStmt:
		return isGuard(first.Call)
	case *ast.ExprStmt:
		call, ok := first.X.(*ast.CallExpr)
		return ok && len(body.List) == 1 && isGuard(call)
	}
	return false
}

func isGuard(call *ast.CallExpr) bool {
	switch f := call.Fun.(type) {
	case *ast.Ident:
		return slices.Contains(guards, f.Name)
	case *ast.SelectorExpr:
		return slices.Contains(guards, f.Sel.Name)
	case *ast.FuncLit: // a guard of its own
		own := false
		ast.Inspect(f, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			own = own || ok && len(call.Args) == 0 && isRecover(call.Fun)
			return true
		})
		return own
	}
	return false
}

func isRecover(f ast.Expr) bool {
	name, ok := f.(*ast.Ident)
	return ok && name.Name == "recover"
}

// parseTree parses the production code below root, by directory and name of file.
func parseTree(t *testing.T, root string) map[string]map[string]*ast.File {
	t.Helper()
	tree := map[string]map[string]*ast.File{}
	set := token.NewFileSet()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		dir, name := filepath.Dir(path), filepath.Base(path)
		switch {
		case err != nil:
			return err
		case d.IsDir() && (name == "testdata" || strings.HasSuffix(name, "test")):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		f, err := parser.ParseFile(set, path, nil, parser.ParseComments)
		if tree[dir] == nil {
			tree[dir] = map[string]*ast.File{}
		}
		tree[dir][name] = f
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return tree
}
