package arch

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/test/document"
)

// figureRow is a line of a table that says what a constant of the code is: | what | figure | `folder` `name` |.
var figureRow = regexp.MustCompile("(?m)^\\|.*\\| ([^|]+) \\| `(filter/[a-z/]+)` `([A-Za-z]+)` \\|$")

// TestFiguresAreTheCodes checks the figures in docs/security.md against the constants that they are.
func TestFiguresAreTheCodes(t *testing.T) {
	t.Parallel()
	rows := figureRow.FindAllStringSubmatch(document.Read(t, top, "docs/security.md"), -1)
	if len(rows) < 15 {
		t.Fatalf("there are %d rows", len(rows))
	}
	for _, r := range rows {
		said, folder, name := r[1], r[2], r[3]
		value, isTime, err := constantOf(folder, name)
		if err != nil {
			t.Errorf("%s %s: %v", folder, name, err)
			continue
		}
		if got := figure(value, isTime); got != said {
			t.Errorf("docs/security.md says that %s of %s is %s; it is %s", name, folder, said, got)
		}
	}
}

// figure writes a value as documents do.
func figure(n int64, isTime bool) string {
	switch {
	case isTime && n%int64(time.Minute) == 0:
		return fmt.Sprintf("%d min", n/int64(time.Minute))
	case isTime && n%int64(time.Second) == 0:
		return fmt.Sprintf("%d s", n/int64(time.Second))
	case isTime:
		return fmt.Sprintf("%d ms", n/int64(time.Millisecond))
	case n >= 1<<20 && n%(1<<20) == 0:
		return fmt.Sprintf("%d MiB", n>>20)
	case n > 1<<14 && n%(1<<10) == 0:
		return fmt.Sprintf("%d KiB", n>>10)
	default:
		return strconv.FormatInt(n, 10)
	}
}

// constantOf is the value of a constant that a package declares, and whether it is a time.
func constantOf(folder, name string) (value int64, isTime bool, err error) {
	files, err := filepath.Glob(filepath.Join(top, folder, "*.go"))
	if err != nil {
		return 0, false, err
	}
	declared := map[string]ast.Expr{}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			return 0, false, err
		}
		for _, d := range f.Decls {
			if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.CONST {
				declare(g, declared)
			}
		}
	}
	e := evaluator{declared: declared}
	v := e.value(&ast.Ident{Name: name})
	if v.Kind() != constant.Int {
		return 0, false, fmt.Errorf("it cannot be read: %s", v)
	}
	n, _ := constant.Int64Val(v)
	return n, e.isTime, nil
}

func declare(g *ast.GenDecl, declared map[string]ast.Expr) {
	for _, s := range g.Specs {
		if v, ok := s.(*ast.ValueSpec); ok && len(v.Values) == len(v.Names) {
			for i, n := range v.Names {
				declared[n.Name] = v.Values[i]
			}
		}
	}
}

// evaluator computes constants of one package.
type evaluator struct {
	declared map[string]ast.Expr
	isTime   bool // a unit of time has been met
}

func (e *evaluator) value(x ast.Expr) constant.Value {
	switch x := x.(type) {
	case *ast.BasicLit:
		return constant.MakeFromLiteral(x.Value, x.Kind, 0)
	case *ast.ParenExpr:
		return e.value(x.X)
	case *ast.Ident:
		if to := e.declared[x.Name]; to != nil {
			return e.value(to)
		}
	case *ast.SelectorExpr:
		units := map[string]time.Duration{"Millisecond": time.Millisecond, "Second": time.Second, "Minute": time.Minute, "Hour": time.Hour}
		if unit, ok := units[x.Sel.Name]; ok {
			e.isTime = true
			return constant.MakeInt64(int64(unit))
		}
	case *ast.BinaryExpr:
		left, right := e.value(x.X), e.value(x.Y)
		if left.Kind() != constant.Int || right.Kind() != constant.Int {
			break
		}
		switch x.Op {
		case token.SHL:
			by, _ := constant.Uint64Val(right)
			return constant.Shift(left, token.SHL, uint(by))
		case token.QUO:
			return constant.BinaryOp(left, token.QUO_ASSIGN, right)
		default:
			return constant.BinaryOp(left, x.Op, right)
		}
	}
	return constant.MakeUnknown()
}
