package route

import (
	"cmp"
	"slices"
	"strings"
)

// Rule sends the topics that begin with Prefix to Cluster. An empty Prefix matches every topic.
type Rule struct {
	Prefix, Cluster string
}

// Table finds the cluster of a topic in a time that hardly grows with the number of rules. It never changes, any
// goroutine may use it, and the zero value matches nothing.
type Table struct {
	nodes []node // by prefix
}

// node is a rule that can win. Its parent is the node with the longest prefix that its own prefix begins with; -1 if
// there is none.
type node struct {
	Rule

	parent int
}

// New makes a Table of rules in the order in which they are to be tried. It does not keep rules.
//
// A rule wins only if no earlier rule's prefix begins its own. Of the rules that remain after dropping those that cannot
// win, a longer prefix always comes before a shorter one that begins it, so the first match is the longest match: that
// is what Lookup finds.
func New(rules []Rule) Table {
	order := make([]int, len(rules))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(strings.Compare(rules[a].Prefix, rules[b].Prefix), cmp.Compare(a, b))
	})
	var t Table
	var ranks []int // place of each node among rules
	for _, i := range order {
		parent := t.under(rules[i].Prefix, len(t.nodes)-1)
		if parent >= 0 && ranks[parent] < i {
			continue // hidden: whatever matches this one matches an earlier one
		}
		t.nodes = append(t.nodes, node{rules[i], parent})
		ranks = append(ranks, i)
	}
	return t
}

// Lookup is the first rule that matches topic. False: no rule does.
func (t Table) Lookup(topic string) (r Rule, ok bool) {
	i, found := slices.BinarySearchFunc(t.nodes, topic, func(n node, topic string) int {
		return strings.Compare(n.Prefix, topic)
	})
	if !found {
		i--
	}
	if i = t.under(topic, i); i < 0 {
		return Rule{}, false
	}
	return t.nodes[i].Rule, true
}

// under is the node with the longest prefix that s begins with, -1 if there is none. i is the last node whose prefix is
// not behind s in the order. If its prefix does not begin s, then one that does also begins i's prefix, because it is
// between the two: it is among i's parents.
func (t Table) under(s string, i int) int {
	for i >= 0 && !strings.HasPrefix(s, t.nodes[i].Prefix) {
		i = t.nodes[i].parent
	}
	return i
}
