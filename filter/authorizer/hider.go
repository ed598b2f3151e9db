package authorizer

import (
	"maps"
	"slices"
)

// Hider finds the rules that can never decide. Rules are added to it in order, one goroutine at a time.
type Hider struct {
	rules []Rule
	who   [][]principals
}

// Add adds a rule, and returns the places of the earlier ones, in order, that together decide all that it would: each of its principals,
// operations and names for itself. Nothing: it can decide something, or is about nothing.
func (h *Hider) Add(r Rule) (hidden []int) {
	who := make([]principals, 0, len(r.Principals))
	for _, p := range r.Principals {
		who = append(who, principalsOf(p))
	}
	found := map[int]struct{}{}
	all := true
	for _, p := range who {
		all = all && h.hides(p, &r, found)
	}
	h.rules, h.who = append(h.rules, r), append(h.who, who)
	if !all {
		return nil
	}
	return slices.Sorted(maps.Keys(found))
}

// hides reports whether earlier rules decide all that a rule would for some principals, and adds them to found.
func (h *Hider) hides(who principals, r *Rule, found map[int]struct{}) bool {
	var earlier []int // those that are about all of these principals
	for i := range h.rules {
		if slices.ContainsFunc(h.who[i], func(p principals) bool { return p.covers(who) }) {
			earlier = append(earlier, i)
		}
	}
	for k := range Kind(kinds) {
		for _, pattern := range r.names(k) {
			left := r.effective(k)
			for _, i := range earlier {
				if decided := left & h.rules[i].effective(k); decided != 0 && h.rules[i].about(k, namesOf(pattern)) {
					left &^= decided
					found[i] = struct{}{}
				}
			}
			if left != 0 {
				return false
			}
		}
	}
	return true
}

// about reports whether a rule is about each of some names.
func (r *Rule) about(k Kind, some names) bool {
	return slices.ContainsFunc(r.names(k), func(pattern string) bool { return namesOf(pattern).covers(some) })
}
