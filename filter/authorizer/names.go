package authorizer

import (
	"cmp"
	"slices"
	"strings"
)

// names is a pattern of names: one, or the beginning of some.
type names struct {
	text   string
	prefix bool
}

func namesOf(pattern string) names {
	before, prefix := strings.CutSuffix(pattern, star)
	return names{before, prefix}
}

// covers reports whether each name that is one of other is one of n.
func (n names) covers(other names) bool {
	if n.prefix {
		return strings.HasPrefix(other.text, n.text)
	}
	return n == other
}

func (n names) compare(other names) int {
	if c := strings.Compare(n.text, other.text); c != 0 || n.prefix == other.prefix {
		return c
	}
	if n.prefix { // so that it comes before the one name
		return -1
	}
	return 1
}

// entry is what one rule says of names.
type entry struct {
	names

	operations Operations
	place      int16 // of the rule
	allow      bool
}

// table finds the first rule for a name, in a time that hardly grows with their number. The zero value has none.
type table struct{ nodes []node } // by names

// node is what is known of the names that match a pattern: of a name, its own node knows all, or else that of the longest prefix.
type node struct {
	names

	parent int               // the node of the longest prefix that covers this one, -1 if there is none
	first  [operations]int16 // rules by operation, those of parents too
}

// newTable makes a table of entries in the order of their rules.
func newTable(entries []entry) table {
	sorted := slices.Clone(entries)
	slices.SortStableFunc(sorted, func(a, b entry) int { return cmp.Or(a.compare(b.names), cmp.Compare(a.place, b.place)) })
	var t table
	for i, e := range sorted {
		if i == 0 || e.names != sorted[i-1].names {
			n := node{names: e.names, parent: t.above(e.text, len(t.nodes)-1)}
			for o := range n.first {
				n.first[o] = NoRule
			}
			if n.parent >= 0 {
				n.first = t.nodes[n.parent].first
			}
			t.nodes = append(t.nodes, n)
		}
		first := &t.nodes[len(t.nodes)-1].first
		e.operations.Each(func(o Operation) {
			if first[o] == NoRule || e.place < first[o] {
				first[o] = e.place
			}
		})
	}
	return t
}

// first is the place of the first rule for what is to be done with a name.
func (t *table) first(name string, o Operation) int16 {
	i, found := slices.BinarySearchFunc(t.nodes, names{text: name}, func(n node, want names) int { return n.compare(want) })
	if !found {
		i = t.above(name, i-1)
	}
	if i < 0 {
		return NoRule
	}
	return t.nodes[i].first[o]
}

// node is that of a pattern that is there.
func (t *table) node(pattern names) *node {
	i, _ := slices.BinarySearchFunc(t.nodes, pattern, func(n node, want names) int { return n.compare(want) })
	return &t.nodes[i]
}

// above is the node of the longest prefix that s begins with, -1 if there is none. i is the last node that is not behind s in the order. If
// that is no such prefix, then one that is also begins i's text, because it is between the two: it is among i's parents.
func (t *table) above(s string, i int) int {
	for i >= 0 && (!t.nodes[i].prefix || !strings.HasPrefix(s, t.nodes[i].text)) {
		i = t.nodes[i].parent
	}
	return i
}
