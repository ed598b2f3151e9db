package tree

import (
	"bytes"
	"errors"
	"io"
	"strings"

	"go.yaml.in/yaml/v4"
)

// most is how many values a text may have when its aliases are followed: some lines can make billions.
const most = 1 << 17

// composer makes nodes of YAML's.
type composer struct {
	done     map[*yaml.Node]*Node
	size     map[*Node]int // with all that is in it
	problems []Problem
}

func readYAML(raw []byte) ([]*Node, []Problem) {
	decoder := yaml.NewDecoder(bytes.NewReader(raw))
	c := &composer{done: map[*yaml.Node]*Node{}, size: map[*Node]int{}}
	var documents []*Node
	for {
		var document yaml.Node
		err := decoder.Decode(&document)
		if errors.Is(err, io.EOF) {
			return documents, c.problems
		}
		if err != nil {
			return nil, []Problem{diagnose(raw, err)}
		}
		if document.Kind != yaml.DocumentNode || len(document.Content) == 0 {
			continue
		}
		root := c.node(document.Content[0], nil)
		if c.size[root] > most {
			return nil, []Problem{{Text: "the aliases in this YAML make more than a hundred thousand values of it"}}
		}
		if root.Kind != Null || root.Text != "" { // not nothing between or behind markers
			documents = append(documents, root)
		}
	}
}

// node is what n stands for. The size of a node that is not finished is more than any: it is in itself.
func (c *composer) node(n *yaml.Node, path []Step) *Node {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if known, ok := c.done[n]; ok {
		return known
	}
	made := c.scalar(n, path)
	made.Position = Position{n.Line, n.Column}
	c.done[n], c.size[made] = made, most+1
	size := 1
	switch n.Kind {
	case yaml.SequenceNode:
		made.Kind = List
		for i, item := range n.Content {
			in := c.node(item, step(path, Step{Index: i}))
			made.Items = append(made.Items, in)
			size += c.size[in]
		}
	case yaml.MappingNode:
		made.Kind = Map
		size += c.fields(made, n, path)
	default:
	}
	c.size[made] = min(size, most+1)
	return made
}

func (c *composer) scalar(n *yaml.Node, path []Step) *Node {
	if n.Kind != yaml.ScalarNode {
		return &Node{}
	}
	quoted := n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0
	if n.Style&yaml.TaggedStyle != 0 {
		switch n.ShortTag() {
		case "!!str":
			quoted = true
		case "!!int", "!!float", "!!bool", "!!null":
		default:
			c.problem(n, path, "begins with !, which is a tag in YAML; put the value in quotes")
			return &Node{}
		}
	}
	if quoted {
		return &Node{Kind: Text, Text: n.Value}
	}
	made := word(n.Value)
	made.Cut = len(n.LineComment) > 1 && !strings.ContainsAny(n.LineComment[1:2], " \t#!")
	switch first := []rune(n.Value); {
	case len(first) > 0 && strings.ContainsRune("“”„‟‘’‚«»", first[0]):
		c.problem(n, path, "begins with a typographic quotation mark, which is a letter for YAML; write \"")
	}
	return made
}

func (c *composer) problem(n *yaml.Node, path []Step, text string) {
	c.problems = append(c.problems, Problem{Position{n.Line, n.Column}, append([]Step{}, path...), text})
}

// fields reads those of n into made and returns their size. What is merged in with << stands behind, and gives way.
func (c *composer) fields(made *Node, n *yaml.Node, path []Step) (size int) {
	given := map[string]bool{}
	var merged []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, value := n.Content[i], n.Content[i+1]
		if name.Kind == yaml.AliasNode {
			name = name.Alias
		}
		at := Position{name.Line, name.Column}
		switch {
		case name.Kind != yaml.ScalarNode || name.ShortTag() == "!!null":
			c.problem(name, path, "the name of a field must be a text")
		case name.ShortTag() == "!!merge":
			merged = append(merged, value)
		case given[name.Value]:
			c.problems = append(c.problems, twice(at, path, name.Value))
		default:
			given[name.Value] = true
			in := c.node(value, step(path, Step{Name: name.Value}))
			made.Fields = append(made.Fields, Field{at, name.Value, in})
			size += c.size[in]
		}
	}
	for _, m := range merged {
		size += c.merge(made, m, path, given)
	}
	return min(size, most+1)
}

// merge adds the fields of a mapping, or of several in a list, that are not given yet.
func (c *composer) merge(made *Node, from *yaml.Node, path []Step, given map[string]bool) (size int) {
	in := c.node(from, path)
	sources := []*Node{in}
	if in.Kind == List {
		sources = in.Items
	}
	for _, source := range sources {
		if source.Kind != Map {
			c.problem(from, path, "<< takes a mapping, or a list of them")
			continue
		}
		for _, f := range source.Fields {
			if !given[f.Name] {
				given[f.Name] = true
				made.Fields = append(made.Fields, f)
				size += c.size[f.Value]
			}
		}
	}
	return min(size, most+1)
}
