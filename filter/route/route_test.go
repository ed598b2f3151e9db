package route_test

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/route"
)

func TestLookup(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		rules string // prefix=cluster, in order
		topic string
		want  string // empty: none
	}{
		{"no rules", "", "a", ""},
		{"prefix", "a=1", "apple", "1"},
		{"whole name", "apple=1", "apple", "1"},
		{"longer than the topic", "apples=1", "apple", ""},
		{"no match before the first", "b=1", "a", ""},
		{"no match behind the last", "b=1", "c", ""},
		{"catch-all", "=1", "anything", "1"},
		{"catch-all and no topic", "=1", "", "1"},
		{"no catch-all and no topic", "a=1", "", ""},
		{"longer first", "ab=1 a=2", "abc", "1"},
		{"longer first, only the shorter matches", "ab=1 a=2", "ac", "2"},
		{"shorter first hides the longer", "a=1 ab=2", "abc", "1"},
		{"catch-all first hides all", "=1 a=2", "a", "1"},
		{"catch-all last", "a=1 =2", "b", "2"},
		{"given twice, the first wins", "a=1 a=2", "a", "1"},
		{"a neighbour between the two", "a=1 ab=2 aa=3", "ab", "1"},
		{"parents of a neighbour", "abc=1 abb=2 a=3", "abbz", "2"},
		{"grandparent", "abcd=1 abc=2 a=3", "abx", "3"},
		{"hidden under hidden", "abc=1 a=2 ab=3 abcd=4", "abcd", "1"},
		{"bytes, not letters", "ä=1", "ä/orders", "1"},
		{"byte 255", "\xff=1 =2", "\xff\xff", "1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			rules := parse(tt.rules)
			got, ok := route.New(rules).Lookup(tt.topic)
			if got.Cluster != tt.want || ok != (tt.want != "") {
				t.Errorf("Lookup(%q) = %q, %t, want %q", tt.topic, got, ok, tt.want)
			}
			if want, _ := naive(rules, tt.topic); want != tt.want {
				t.Errorf("the test is wrong: the loop finds %q", want)
			}
		})
	}
	if got, ok := (route.Table{}).Lookup("a"); ok {
		t.Errorf("zero Table: Lookup = %q, want none", got)
	}
}

func parse(s string) []route.Rule {
	var rules []route.Rule
	for f := range strings.FieldsSeq(s) {
		prefix, cluster, _ := strings.Cut(f, "=")
		rules = append(rules, route.Rule{Prefix: prefix, Cluster: cluster})
	}
	return rules
}

// naive is what the rules mean.
func naive(rules []route.Rule, topic string) (string, bool) {
	for _, r := range rules {
		if strings.HasPrefix(topic, r.Prefix) {
			return r.Cluster, true
		}
	}
	return "", false
}

func TestLookupIsTheLoop(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(1, 2))
	word := func(longest int) string {
		b := make([]byte, rnd.IntN(longest+1))
		for i := range b {
			b[i] = "ab\xff"[rnd.IntN(3)]
		}
		return string(b)
	}
	for range 3000 {
		rules := make([]route.Rule, rnd.IntN(12))
		for i := range rules {
			rules[i] = route.Rule{Prefix: word(5), Cluster: strconv.Itoa(i)}
		}
		table := route.New(rules)
		for range 30 {
			compare(t, table, rules, word(7))
		}
	}
}

func compare(t *testing.T, table route.Table, rules []route.Rule, topic string) {
	t.Helper()
	got, ok := table.Lookup(topic)
	if want, wantOK := naive(rules, topic); got.Cluster != want || ok != wantOK {
		t.Fatalf("Lookup(%q) = %q, %t, want %q, %t, rules %q", topic, got, ok, want, wantOK, rules)
	}
}

func FuzzLookup(f *testing.F) {
	f.Add("ab a  b", "abc")
	f.Fuzz(func(t *testing.T, prefixes, topic string) {
		var rules []route.Rule
		for i, p := range strings.Split(prefixes, " ") {
			rules = append(rules, route.Rule{Prefix: p, Cluster: strconv.Itoa(i)})
		}
		compare(t, route.New(rules), rules, topic)
	})
}

func BenchmarkLookup(b *testing.B) {
	for _, n := range []int{3, 100, 5000} {
		rules := make([]route.Rule, n)
		for i := range rules {
			rules[i] = route.Rule{Prefix: fmt.Sprintf("team-%05d.", i*7919%n), Cluster: "c"}
		}
		table := route.New(rules)
		topic := fmt.Sprintf("team-%05d.orders", n/2)
		b.Run(fmt.Sprint(n, " rules"), func(b *testing.B) {
			for b.Loop() {
				table.Lookup(topic)
			}
		})
		b.Run(fmt.Sprint(n, " rules, loop"), func(b *testing.B) {
			for b.Loop() {
				naive(rules, topic)
			}
		})
	}
}
