package arch

import (
	"go/ast"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// logCalls are the methods that log, and functions that pass on what is to be logged, with where the pairs of keys and values begin.
var logCalls = map[string]int{
	"Debug": 1, "Info": 1, "Warn": 1, "Error": 1, "Log": 3, "With": 0, // of a logger
	"say": -1, "warn": -1, "write": -1, "Panicked": 2, "caught": 2, // of ours: -1 is where the first word follows that is a key
}

// loggers are how the receivers of the first of these are called.
var loggers = regexp.MustCompile(`(?i)log$|^slog$|logger$`)

// attrCalls make one attribute.
var attrCalls = []string{"String", "Int", "Int64", "Duration", "Any", "Bool", "Time", "Group"}

// pairs are how lists of keys and values are called that are appended to.
var pairs = []string{"attrs", "about", "more"}

// computedKeys are made, of what the list has.
var computedKeys = []string{"w.subjects()", "s.Name"}

// TestLogKeys compares the keys that are logged with the list in docs/operations.md.
func TestLogKeys(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, list, ok := strings.Cut(string(raw), "<!-- log keys -->")
	if !ok {
		t.Fatal("docs/operations.md has no list of keys")
	}
	list, _, _ = strings.Cut(list, "\n\n")
	listed := map[string]bool{} // whether it is used
	for row := range strings.SplitSeq(list, "\n") {
		cells := strings.Split(row, "|")
		if len(cells) < 2 {
			continue
		}
		for _, key := range regexp.MustCompile("`([a-z_]+)`").FindAllStringSubmatch(cells[1], -1) {
			listed[key[1]] = false
		}
	}
	for _, root := range []string{"../../filter", "../../cmd"} {
		for dir, files := range parseTree(t, root) {
			for name, f := range files {
				keysOf(f, func(key string, literal bool) {
					switch _, there := listed[key]; {
					case there:
						listed[key] = true
					case literal || !slices.Contains(computedKeys, key):
						t.Errorf("%s logs %q, which docs/operations.md does not list", filepath.Join(strings.TrimPrefix(dir, "../../"), name), key)
					}
				})
			}
		}
	}
	for key, used := range listed {
		if !used && key != "topics" && key != "apis" { // computed
			t.Errorf("docs/operations.md lists %q, which nobody logs", key)
		}
	}
	if len(listed) < 20 {
		t.Errorf("only %d keys are listed", len(listed))
	}
}

// keysOf calls found with each key of each call that logs.
func keysOf(f *ast.File, found func(key string, literal bool)) {
	ast.Inspect(f, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		if name, _ := calledName(call); name == "append" && slices.Contains(pairs, lastName(call.Args[0])) {
			for i := 1; i+1 < len(call.Args) && !isAttr(call.Args[i]); i += 2 {
				foundKey(call.Args[i], found)
			}
		}
		method, ok := call.Fun.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		receiver := lastName(method.X)
		if receiver == "slog" && slices.Contains(attrCalls, method.Sel.Name) {
			foundKey(call.Args[0], found)
			return true
		}
		first, logs := logCalls[method.Sel.Name]
		own := strings.ToLower(method.Sel.Name[:1]) == method.Sel.Name[:1] || method.Sel.Name == "Panicked"
		if !logs || !own && !loggers.MatchString(receiver) {
			return true
		}
		args := flat(call.Args)
		if first < 0 {
			first = firstKey(args)
		}
		for i := first; i+1 < len(args); i += 2 {
			if isAttr(args[i]) {
				i-- // an attribute is a key and its value
				continue
			}
			foundKey(args[i], found)
		}
		return true
	})
}

// flat is a list of arguments in which append(list, more...)... stands for more.
func flat(args []ast.Expr) []ast.Expr {
	if len(args) == 0 {
		return nil
	}
	last, ok := args[len(args)-1].(*ast.CallExpr)
	if name, isName := calledName(last); ok && isName && name == "append" {
		return append(slices.Clone(args[:len(args)-1]), last.Args[1:]...)
	}
	return args
}

func calledName(call *ast.CallExpr) (string, bool) {
	if call == nil {
		return "", false
	}
	name, ok := call.Fun.(*ast.Ident)
	if !ok {
		return "", false
	}
	return name.Name, true
}

// firstKey is where the first word stands that can be a key, behind the message.
func firstKey(args []ast.Expr) int {
	for i, arg := range args {
		if key, literal := text(arg); literal && regexp.MustCompile(`^[a-z_]+$`).MatchString(key) {
			return i
		}
	}
	return len(args)
}

// foundKey is for what stands where keys do. An attribute is looked at by itself.
func foundKey(arg ast.Expr, found func(key string, literal bool)) {
	if !isAttr(arg) {
		found(text(arg))
	}
}

func isAttr(arg ast.Expr) bool {
	call, ok := arg.(*ast.CallExpr)
	if !ok {
		return false
	}
	method, ok := call.Fun.(*ast.SelectorExpr)
	return ok && lastName(method.X) == "slog"
}

// text is what a literal says, or else how the expression is written.
func text(e ast.Expr) (said string, literal bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		if e.Kind == token.STRING {
			said, _ = strconv.Unquote(e.Value)
			return said, true
		}
	case *ast.SelectorExpr:
		return lastName(e.X) + "." + e.Sel.Name, false
	case *ast.CallExpr:
		said, _ = text(e.Fun)
		return said + "()", false
	case *ast.Ident:
		return e.Name, false
	}
	return "?", false
}

func lastName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	case *ast.CallExpr:
		return lastName(e.Fun)
	}
	return ""
}
