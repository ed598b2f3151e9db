package authorizer

import (
	"fmt"
	"testing"
)

// manyNames are topics that many nodes are made of.
func manyNames(n int) (topics []string) {
	for i := range n {
		topics = append(topics, fmt.Sprintf("topic-%d", i))
	}
	return topics
}

// Whoever the same rules are about has the same Rights, however many there are.
func TestRightsAreShared(t *testing.T) {
	t.Parallel()
	rules := New([]Rule{
		{Allow: true, Principals: []string{star}, Operations: All, Topics: manyNames(9999)},
		{Principals: []string{"b*"}, Operations: All, Topics: []string{star}},
	})
	a, b := rules.For("a"), rules.For("b")
	if a == b {
		t.Fatal("two have the same Rights, whom different rules are about")
	}
	for i := range 2 * maxPrincipals {
		if rules.For(fmt.Sprint("a", i)) != a || rules.For(fmt.Sprint("b", i)) != b {
			t.Fatalf("the Rights of principal %d are made anew", i)
		}
	}
	if len(rules.kept) > maxPrincipals || len(rules.sets) != 2 {
		t.Errorf("%d principals and %d sets are kept", len(rules.kept), len(rules.sets))
	}
}

// What is kept is bounded, though each principal has rules of its own beside those with many names; what is not kept is right.
func TestKeptRightsAreBounded(t *testing.T) {
	t.Parallel()
	const principals = 100
	list := []Rule{{Allow: true, Principals: []string{star}, Operations: Of(Read), Topics: manyNames(9000)}}
	for i := range principals {
		list = append(list, Rule{Allow: true, Principals: []string{fmt.Sprint("p", i)}, Operations: Of(Write), Topics: []string{fmt.Sprint("own-", i)}})
	}
	rules := New(list)
	for range 2 {
		for i := range principals {
			r, own := rules.For(fmt.Sprint("p", i)), fmt.Sprint("own-", i)
			if !r.May(Write, Topic, own) || !r.May(Read, Topic, "topic-7") || r.May(Write, Topic, own+"0") {
				t.Fatalf("p%d has other rights", i)
			}
		}
	}
	nodes := 0
	for _, r := range rules.sets {
		nodes += r.nodes()
	}
	if nodes > maxNodes || nodes != rules.held || len(rules.kept) != len(rules.sets) || len(rules.sets) < 20 {
		t.Errorf("%d sets with %d nodes are kept, %d are counted, of %d principals", len(rules.sets), nodes, rules.held, len(rules.kept))
	}
}
