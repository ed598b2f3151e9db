package tree

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Kind is what a node is.
type Kind uint8

// The kinds.
const (
	Null Kind = iota
	Bool
	Number
	Text
	List
	Map
)

// Position is a place in a text, from 1. The zero value is nowhere: the text is not one that a person has seen.
type Position struct{ Line, Column int }

// Node is a value, and where it stands. Nobody may change one: an alias of YAML's is the node that it stands for.
type Node struct {
	Position

	Kind Kind
	// Text is a scalar as it was written, without its quotes.
	Text string
	// On is what a Bool is.
	On bool
	// Cut says that a word without quotes ends where a # begins a comment, with no space behind it: it may be part of the value.
	Cut bool
	// Items are those of a List.
	Items []*Node
	// Fields are those of a Map, as they were written. No two have the same name.
	Fields []Field
}

// Field is an entry of a Map.
type Field struct {
	Position

	Name  string
	Value *Node
}

// Field returns the value of a field, or nil.
func (n *Node) Field(name string) *Node {
	if n == nil {
		return nil
	}
	for _, f := range n.Fields {
		if f.Name == name {
			return f.Value
		}
	}
	return nil
}

// Problem is what is wrong with a text: what it says, and where. It shows nothing of the text but names.
type Problem struct {
	Position

	Path []Step // of what is wrong; nil if the text cannot be read at all
	Text string
}

// Step leads from a node to one in it: a name, or an index if Name is empty.
type Step struct {
	Name  string
	Index int
}

// Read returns the documents in a text, JSON or YAML. It does not keep raw. Problems are all that is wrong; if there is one without a Path,
// documents is nil.
func Read(raw []byte) (documents []*Node, problems []Problem) {
	raw = bytes.TrimPrefix(raw, []byte("\ufeff"))
	if json.Valid(raw) { // some of which is not YAML, such as pairs of \u escapes
		return readJSON(raw)
	}
	return readYAML(raw)
}

// String is the position as a person reads it, or empty.
func (p Position) String() string {
	if p.Line == 0 {
		return ""
	}
	return fmt.Sprintf("line %d, column %d", p.Line, p.Column)
}
