package authorizer_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/authorizer"
)

// naive is what rules mean.
func naive(rules []authorizer.Rule, who string, o authorizer.Operation, k authorizer.Kind, name string) authorizer.Decision {
	for i, r := range rules {
		names := [][]string{r.Topics, r.Groups, r.TransactionalIDs, nil}[k]
		about := slices.ContainsFunc(names, func(p string) bool { return matches(p, name) }) || k == authorizer.Cluster && r.Cluster
		r.Operations &= k.Operations()
		if about && decides(r, o) && k.Operations().Has(o) && slices.ContainsFunc(r.Principals, func(p string) bool { return matches(p, who) }) {
			return authorizer.Decision{Allowed: r.Allow, Rule: i}
		}
	}
	return authorizer.Decision{Rule: authorizer.NoRule}
}

func matches(pattern, name string) bool {
	if strings.HasPrefix(pattern, "spiffe://") {
		want, have := strings.Split(pattern, "/"), strings.Split(name, "/")
		return len(want) == len(have) && !slices.ContainsFunc(slices.Collect(indexes(want)), func(i int) bool {
			return want[i] != have[i] && (want[i] != "*" || have[i] == "")
		})
	}
	before, prefix := strings.CutSuffix(pattern, "*")
	return name == pattern || prefix && strings.HasPrefix(name, before)
}

func indexes(list []string) func(func(int) bool) {
	return func(yield func(int) bool) {
		for i := range list {
			if !yield(i) {
				return
			}
		}
	}
}

func decides(r authorizer.Rule, o authorizer.Operation) bool {
	if r.Operations.Has(o) || !r.Allow {
		return r.Operations.Has(o)
	}
	switch o {
	case authorizer.Describe:
		return r.Operations&authorizer.Of(authorizer.Read, authorizer.Write, authorizer.Delete, authorizer.Alter) != 0
	case authorizer.DescribeConfigs:
		return r.Operations.Has(authorizer.AlterConfigs)
	default:
		return false
	}
}

// world draws rules and what is asked of them.
type world struct{ *rand.Rand }

func (w world) pick(list ...string) string { return list[w.IntN(len(list))] }

func (w world) some(one func() string) (list []string) {
	for range w.IntN(3) {
		list = append(list, one())
	}
	return list
}

func (w world) pattern() string {
	return w.pick("a", "ab", "abc", "b", "bc", "a*", "ab*", "abc*", "b*", "*", "")
}

func (w world) rule() authorizer.Rule {
	operations := authorizer.All
	if w.IntN(5) > 0 {
		one, other := w.IntN(int(authorizer.All)+1), w.IntN(int(authorizer.All)+1)
		operations = authorizer.Operations(one & other) // few
	}
	return authorizer.Rule{
		Allow: w.IntN(2) == 0, Operations: operations, Cluster: w.IntN(4) == 0,
		Principals: append(w.some(w.principal), w.principal()), Topics: w.some(w.pattern), Groups: w.some(w.pattern), TransactionalIDs: w.some(w.pattern),
	}
}

func (w world) principal() string {
	return w.pick("ann", "bob", "an*", "*", "spiffe://td/a/b", "spiffe://td/*/b", "spiffe://td/a/*", "spiffe://td/*/*", "s*", "spi")
}

// TestDecisionsAreTheLoop compares decisions with those of a loop over the rules, and sees that a rule that is hidden can be left out.
func TestDecisionsAreTheLoop(t *testing.T) {
	t.Parallel()
	w := world{rand.New(rand.NewPCG(1, 2))}
	hidden := 0
	for range 400 {
		var h authorizer.Hider
		rules := make([]authorizer.Rule, 1+w.IntN(12))
		for i := range rules {
			rules[i] = w.rule()
			for by := h.Add(rules[i]); by != nil; by = nil {
				hidden++
				neverDecides(t, rules[:i+1])
			}
		}
		compiled := authorizer.New(rules)
		each(func(who string, o authorizer.Operation, k authorizer.Kind, name string) {
			if got, want := compiled.For(who).Decide(o, k, name), naive(rules, who, o, k, name); got != want {
				t.Fatalf("%s, %v %v %q: %+v, want %+v, rules %+v", who, o, k, name, got, want, rules)
			}
			if got := compiled.For(who).Any(o, k); !got.Allowed && naive(rules, who, o, k, name).Allowed {
				t.Fatalf("%s, %v of any %v is denied, and allowed for %q, rules %+v", who, o, k, name, rules)
			}
			if got := compiled.For(who).All(o, k); got.Allowed && !naive(rules, who, o, k, name).Allowed {
				t.Fatalf("%s, %v of all %v is allowed, and denied for %q, rules %+v", who, o, k, name, rules)
			}
		})
	}
	if hidden < 50 {
		t.Errorf("only %d rules were hidden: that shows little", hidden)
	}
}

// neverDecides sees that the last rule decides nothing.
func neverDecides(t *testing.T, rules []authorizer.Rule) {
	t.Helper()
	each(func(who string, o authorizer.Operation, k authorizer.Kind, name string) {
		if naive(rules, who, o, k, name).Rule == len(rules)-1 {
			t.Fatalf("the last rule decides %s, %v %v %q, rules %+v", who, o, k, name, rules)
		}
	})
}

// each visits what can be asked.
func each(visit func(who string, o authorizer.Operation, k authorizer.Kind, name string)) {
	for _, who := range []string{"ann", "bob", "an", "spiffe://td/a/b", "spiffe://td/c/b", "spiffe://td/a", "spi"} {
		for k := authorizer.Topic; k <= authorizer.Cluster; k++ {
			names := []string{"", "a", "ab", "abc", "abcd", "ac", "b", "bb", "bc", "z"}
			if k == authorizer.Cluster {
				names = []string{""}
			}
			authorizer.All.Each(func(o authorizer.Operation) {
				for _, name := range names {
					visit(who, o, k, name)
				}
			})
		}
	}
}

func BenchmarkDecide(b *testing.B) {
	for _, n := range []int{1, 10, 1000} {
		rules := make([]authorizer.Rule, n)
		for i := range rules {
			rules[i] = authorizer.Rule{
				Allow: true, Principals: []string{"ann", fmt.Sprintf("team-%d", i)}, Operations: authorizer.Of(authorizer.Write),
				Topics: []string{fmt.Sprintf("team-%05d.*", i*7919%n)},
			}
		}
		topic := fmt.Sprintf("team-%05d.orders", n/2)
		compiled := authorizer.New(rules)
		rights := compiled.For("ann")
		b.Run(fmt.Sprint(n, " rules"), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				rights.Decide(authorizer.Write, authorizer.Topic, topic)
			}
		})
		b.Run(fmt.Sprint(n, " rules, loop"), func(b *testing.B) {
			for b.Loop() {
				naive(rules, "ann", authorizer.Write, authorizer.Topic, topic)
			}
		})
		b.Run(fmt.Sprint(n, " rules, of a principal"), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				compiled.For("ann")
			}
		})
	}
}

//nolint:paralleltest // counts what the process allocates
func TestDecideAllocatesNothing(t *testing.T) {
	rules := authorizer.New([]authorizer.Rule{{Allow: true, Principals: []string{"spiffe://td/*"}, Operations: authorizer.All, Topics: []string{"a*"}}})
	rules.For("spiffe://td/a")
	if n := testing.AllocsPerRun(100, func() {
		rules.For("spiffe://td/a").Decide(authorizer.Write, authorizer.Topic, "apples")
	}); n != 0 {
		t.Errorf("a decision allocates %v times", n)
	}
}
