package tree

import (
	"bytes"
	"encoding/json"
	"slices"
)

// reader reads a text that is valid JSON.
type reader struct {
	text     []byte
	decoder  *json.Decoder
	lines    bool // the text has several: it was written by a person, or for one
	line     int
	start    int // where that line starts
	seen     int // up to where lines were counted
	problems []Problem
}

func readJSON(raw []byte) ([]*Node, []Problem) {
	r := &reader{text: raw, decoder: json.NewDecoder(bytes.NewReader(raw)), line: 1}
	r.lines = bytes.ContainsRune(bytes.TrimSpace(raw), '\n')
	r.decoder.UseNumber()
	root := r.value(nil)
	return []*Node{root}, r.problems
}

// next returns a token and where it begins.
func (r *reader) next() (json.Token, Position) {
	at := int(r.decoder.InputOffset())
	for at < len(r.text) && bytes.IndexByte([]byte(" \t\r\n,:"), r.text[at]) >= 0 {
		at++
	}
	for ; r.seen < at; r.seen++ {
		if r.text[r.seen] == '\n' {
			r.line++
			r.start = r.seen + 1
		}
	}
	token, _ := r.decoder.Token() // the text is valid
	if !r.lines {
		return token, Position{}
	}
	return token, Position{r.line, at - r.start + 1}
}

func (r *reader) value(path []Step) *Node {
	token, at := r.next()
	n := &Node{Position: at}
	switch v := token.(type) {
	case json.Delim:
		if v == '[' {
			n.Kind = List
			for r.decoder.More() {
				n.Items = append(n.Items, r.value(step(path, Step{Index: len(n.Items)})))
			}
		} else {
			n.Kind = Map
			r.fields(n, path)
		}
		r.next()
	case bool:
		n.Kind, n.On = Bool, v
		n.Text = map[bool]string{true: "true", false: "false"}[v]
	case json.Number:
		n.Kind, n.Text = Number, v.String()
	case string:
		n.Kind, n.Text = Text, v
	}
	return n
}

func (r *reader) fields(n *Node, path []Step) {
	seen := map[string]bool{}
	for r.decoder.More() {
		token, at := r.next()
		name, _ := token.(string)
		value := r.value(step(path, Step{Name: name}))
		if seen[name] {
			r.problems = append(r.problems, twice(at, path, name))
			continue
		}
		seen[name] = true
		n.Fields = append(n.Fields, Field{at, name, value})
	}
}

// step returns path with another step; path stays as it is.
func step(path []Step, s Step) []Step { return append(slices.Clip(path), s) }

func twice(at Position, path []Step, name string) Problem {
	return Problem{at, step(path, Step{Name: name}), "is given twice; keep one"}
}
