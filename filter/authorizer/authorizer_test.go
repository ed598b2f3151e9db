package authorizer_test

import (
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/authorizer"
)

var all = []string{"*"}

func TestDecide(t *testing.T) {
	t.Parallel()
	const istio = "spiffe://cluster.local/ns/shop/sa/orders"
	rules := authorizer.New([]authorizer.Rule{
		{Name: "no-secrets", Principals: all, Operations: authorizer.All, Topics: []string{"secret*"}},
		{Allow: true, Principals: []string{"ann", "team-*"}, Operations: authorizer.Of(authorizer.Read), Topics: []string{"orders", "bills.*"}, Groups: []string{"g*"}},
		{Allow: true, Principals: []string{"spiffe://cluster.local/ns/*/sa/orders"}, Operations: authorizer.Of(authorizer.Write), Topics: []string{"orders"}, TransactionalIDs: all},
		{Principals: []string{"ann"}, Operations: authorizer.Of(authorizer.Describe), Topics: all},
		{Allow: true, Principals: []string{"ann"}, Operations: authorizer.All, Topics: []string{"own*"}, Cluster: true},
		{Name: "everybody", Allow: true, Principals: all, Operations: authorizer.Of(authorizer.AlterConfigs), Topics: []string{"public"}},
	})
	const no = authorizer.NoRuleName
	for _, tt := range []struct {
		who  string
		o    authorizer.Operation
		k    authorizer.Kind
		name string
		want string // "+" or "-" and the rule
	}{
		{"ann", authorizer.Read, authorizer.Topic, "orders", "+1"},
		{"ann", authorizer.Describe, authorizer.Topic, "orders", "+1"},
		{"ann", authorizer.Write, authorizer.Topic, "orders", "-" + no},
		{"ann", authorizer.Read, authorizer.Topic, "orders2", "-" + no},
		{"ann", authorizer.Read, authorizer.Topic, "bills.", "+1"},
		{"ann", authorizer.Read, authorizer.Topic, "bills", "-" + no},
		{"ann", authorizer.Read, authorizer.Topic, "secret.x", "-no-secrets"},
		{"ann", authorizer.Read, authorizer.Group, "secret.x", "-" + no},
		{"ann", authorizer.Read, authorizer.Group, "g", "+1"},
		{"ann", authorizer.Delete, authorizer.Group, "g", "-" + no},
		{"ann", authorizer.Describe, authorizer.Topic, "other", "-3"},
		{"ann", authorizer.Describe, authorizer.Topic, "own", "-3"},
		{"ann", authorizer.Read, authorizer.Topic, "own", "+4"},
		{"ann", authorizer.Create, authorizer.Cluster, "", "+4"},
		{"team-b", authorizer.Read, authorizer.Topic, "orders", "+1"},
		{"team", authorizer.Read, authorizer.Topic, "orders", "-" + no},
		{istio, authorizer.Write, authorizer.Topic, "orders", "+2"},
		{istio, authorizer.Write, authorizer.TransactionalID, "any", "+2"},
		{istio, authorizer.Describe, authorizer.TransactionalID, "any", "+2"},
		{istio + "/x", authorizer.Write, authorizer.Topic, "orders", "-" + no},
		{"spiffe://cluster.local/ns/a/b/sa/orders", authorizer.Write, authorizer.Topic, "orders", "-" + no},
		{"spiffe://cluster.local/ns//sa/orders", authorizer.Write, authorizer.Topic, "orders", "-" + no},
		{"spiffe://elsewhere/ns/shop/sa/orders", authorizer.Write, authorizer.Topic, "orders", "-" + no},
		{"ANONYMOUS", authorizer.AlterConfigs, authorizer.Topic, "public", "+everybody"},
		{"ANONYMOUS", authorizer.DescribeConfigs, authorizer.Topic, "public", "+everybody"},
		{"ANONYMOUS", authorizer.Describe, authorizer.Topic, "public", "-" + no},
		{"", authorizer.AlterConfigs, authorizer.Topic, "public", "+everybody"},
	} {
		d := rules.For(tt.who).Decide(tt.o, tt.k, tt.name)
		got := "-" + rules.Name(d.Rule)
		if d.Allowed {
			got = "+" + rules.Name(d.Rule)
		}
		if got != tt.want {
			t.Errorf("%s, %v %v %q: %s, want %s", tt.who, tt.o, tt.k, tt.name, got, tt.want)
		}
	}
}

func TestWithoutRules(t *testing.T) {
	t.Parallel()
	rules := authorizer.New(nil)
	if rules != nil || rules.Len() != 0 || rules.For("ann") != nil {
		t.Errorf("New(nil) = %v with rights %v, want nothing", rules, rules.For("ann"))
	}
	var rights *authorizer.Rights
	if d := rights.Decide(authorizer.Delete, authorizer.Topic, "orders"); !d.Allowed || d.Rule != authorizer.NoRule {
		t.Errorf("Decide = %+v, want allowed by no rule", d)
	}
	if !rights.May(authorizer.Create, authorizer.Cluster, "") || !rights.Any(authorizer.Write, authorizer.Topic).Allowed {
		t.Error("something is denied without rules")
	}
}

func TestAny(t *testing.T) {
	t.Parallel()
	write := authorizer.Of(authorizer.Write)
	deny := func(topics ...string) authorizer.Rule {
		return authorizer.Rule{Principals: all, Operations: write, Topics: topics}
	}
	allow := func(topics ...string) authorizer.Rule {
		return authorizer.Rule{Allow: true, Principals: []string{"ann"}, Operations: write, Topics: topics}
	}
	for _, tt := range []struct {
		name  string
		rules []authorizer.Rule
		want  authorizer.Decision
	}{
		{"allowed", []authorizer.Rule{allow("orders")}, authorizer.Decision{Allowed: true, Rule: 0}},
		{"allowed but for some", []authorizer.Rule{deny("secret*"), allow("*")}, authorizer.Decision{Allowed: true, Rule: 1}},
		{"all that is allowed is denied before", []authorizer.Rule{deny("o*"), allow("orders", "ox*")}, authorizer.Decision{Rule: 0}},
		{"denied later", []authorizer.Rule{allow("orders"), deny("*")}, authorizer.Decision{Allowed: true, Rule: 0}},
		{"one of two is left", []authorizer.Rule{deny("o*"), allow("orders", "bills")}, authorizer.Decision{Allowed: true, Rule: 1}},
		{"reads alone", []authorizer.Rule{{Allow: true, Principals: all, Operations: authorizer.Of(authorizer.Read), Topics: all}}, authorizer.Decision{Rule: authorizer.NoRule}},
	} {
		if got := authorizer.New(tt.rules).For("ann").Any(authorizer.Write, authorizer.Topic); got != tt.want {
			t.Errorf("%s: Any = %+v, want %+v", tt.name, got, tt.want)
		}
	}
}

func TestAll(t *testing.T) {
	t.Parallel()
	rule := func(allow bool, topics ...string) authorizer.Rule {
		return authorizer.Rule{Allow: allow, Principals: all, Operations: authorizer.Of(authorizer.Read), Topics: topics}
	}
	for _, tt := range []struct {
		name  string
		rules []authorizer.Rule
		want  authorizer.Decision
	}{
		{"allowed", []authorizer.Rule{rule(true, "*")}, authorizer.Decision{Allowed: true, Rule: 0}},
		{"one, and then all", []authorizer.Rule{rule(true, "orders"), rule(true, "*")}, authorizer.Decision{Allowed: true, Rule: 1}},
		{"denied later", []authorizer.Rule{rule(true, "*"), rule(false, "orders")}, authorizer.Decision{Allowed: true, Rule: 0}},
		{"one is denied before", []authorizer.Rule{rule(false, "orders"), rule(true, "*")}, authorizer.Decision{Rule: 0}},
		{"some are denied before", []authorizer.Rule{rule(false, "o*"), rule(true, "*")}, authorizer.Decision{Rule: 0}},
		{"some", []authorizer.Rule{rule(true, "o*")}, authorizer.Decision{Rule: authorizer.NoRule}},
	} {
		if got := authorizer.New(tt.rules).For("ann").All(authorizer.Read, authorizer.Topic); got != tt.want {
			t.Errorf("%s: All = %+v, want %+v", tt.name, got, tt.want)
		}
	}
	var none *authorizer.Rights
	if !none.All(authorizer.Read, authorizer.Topic).Allowed {
		t.Error("something is denied without rules")
	}
}

func TestCheckPrincipal(t *testing.T) {
	t.Parallel()
	for pattern, want := range map[string]string{
		"ann": "", "*": "", "team-*": "", "CN=ann,O=shop": "", "spiffe://td/ns/*/sa/x": "", "spiffe://td/*": "", "ANONYMOUS": "",
		"":                   "is empty",
		"User:ann":           "begins with User:",
		"a*b":                "write the beginning and one star, a*",
		"**":                 "a star that is not at its end",
		"spiffe://*":         "in place of a trust domain",
		"spiffe://td":        "nobody in it",
		"spiffe://td/":       "an empty part",
		"spiffe://td//x":     "an empty part",
		"spiffe:///x":        "an empty part",
		"spiffe://td/ns/a*":  "a star is a whole one",
		"spiffe://td/*a/x":   "a star is a whole one",
		"spiffe://t*/ns/x/y": "in place of a trust domain",
	} {
		err := authorizer.CheckPrincipal(pattern)
		if got := said(err); want == "" && err != nil || !strings.Contains(got, want) {
			t.Errorf("CheckPrincipal(%q) = %q, want %q", pattern, got, want)
		}
	}
}

func said(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestHider(t *testing.T) {
	t.Parallel()
	read, write := authorizer.Of(authorizer.Read), authorizer.Of(authorizer.Write)
	rule := func(allow bool, who string, o authorizer.Operations, topics ...string) authorizer.Rule {
		return authorizer.Rule{Allow: allow, Principals: strings.Fields(who), Operations: o, Topics: topics}
	}
	for _, tt := range []struct {
		name  string
		rules []authorizer.Rule
		want  []int // who hides the last one
	}{
		{"alone", []authorizer.Rule{rule(true, "*", read, "a")}, nil},
		{"the same again", []authorizer.Rule{rule(true, "ann", read, "a"), rule(false, "ann", read, "a")}, []int{0}},
		{"everybody", []authorizer.Rule{rule(true, "*", read, "a*"), rule(false, "ann", read, "ab", "ac*")}, []int{0}},
		{"somebody else", []authorizer.Rule{rule(true, "ann", read, "a*"), rule(false, "ann bob", read, "a*")}, nil},
		{"a longer name", []authorizer.Rule{rule(true, "ann", read, "a"), rule(false, "ann", read, "a*")}, nil},
		{"one operation more", []authorizer.Rule{rule(true, "ann", read, "a"), rule(true, "ann", read|write, "a")}, nil},
		{"what is implied is allowed before", []authorizer.Rule{rule(true, "ann", read, "a"), rule(false, "ann", authorizer.Of(authorizer.Describe), "a")}, []int{0}},
		{"what is not implied", []authorizer.Rule{rule(false, "ann", read, "a"), rule(true, "ann", authorizer.Of(authorizer.Describe), "a")}, nil},
		{"allowing implies more than denying", []authorizer.Rule{rule(false, "ann", read, "a"), rule(true, "ann", read, "a")}, nil},
		{"two together, by operation", []authorizer.Rule{rule(true, "ann", read, "a"), rule(true, "ann", write, "a"), rule(false, "ann", read|write, "a")}, []int{0, 1}},
		{"two together, by principal", []authorizer.Rule{rule(true, "ann", read, "a"), rule(true, "b*", read, "a"), rule(false, "ann bob", read, "a")}, []int{0, 1}},
		{"two together, by name", []authorizer.Rule{rule(true, "ann", read, "a"), rule(true, "ann", read, "b*"), rule(false, "ann", read, "a", "bc")}, []int{0, 1}},
		{"a pattern of ids", []authorizer.Rule{rule(true, "spiffe://td/ns/*/sa/*", read, "a"), rule(false, "spiffe://td/ns/x/sa/*", read, "a")}, []int{0}},
		{"a narrower pattern of ids", []authorizer.Rule{rule(true, "spiffe://td/ns/x/sa/*", read, "a"), rule(false, "spiffe://td/ns/*/sa/*", read, "a")}, nil},
		{"a beginning of ids", []authorizer.Rule{rule(true, "s*", read, "a"), rule(false, "spiffe://td/ns/*/sa/*", read, "a")}, []int{0}},
		{"about nothing", []authorizer.Rule{rule(true, "*", read, "a"), rule(true, "*", read)}, nil},
		{"another kind", []authorizer.Rule{rule(true, "*", read, "a"), {Principals: all, Operations: read, Groups: []string{"a"}}}, nil},
		{"another operation of the cluster", []authorizer.Rule{{Principals: all, Operations: authorizer.Of(authorizer.Describe), Cluster: true}, {Allow: true, Principals: all, Operations: authorizer.Of(authorizer.Create), Cluster: true}}, nil},
		{"the cluster", []authorizer.Rule{{Principals: all, Operations: authorizer.All, Cluster: true}, {Principals: all, Operations: authorizer.Of(authorizer.Create), Cluster: true}}, []int{0}},
	} {
		var h authorizer.Hider
		var got []int
		for _, r := range tt.rules {
			got = h.Add(r)
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: hidden by %v, want %v", tt.name, got, tt.want)
		}
	}
}

// TestHammerFor has many principals' rights compiled at a time: the same principal's are the same, as long as there is room for them.
func TestHammerFor(t *testing.T) {
	t.Parallel()
	rules := authorizer.New([]authorizer.Rule{{Allow: true, Principals: []string{"a*"}, Operations: authorizer.All, Topics: all}})
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for n := range 3000 {
				who := "a" + strings.Repeat("x", n%1500)
				if !rules.For(who).May(authorizer.Read, authorizer.Topic, "t") || rules.For(who[1:]).May(authorizer.Read, authorizer.Topic, "t") {
					t.Errorf("%s: wrong", who)
					return
				}
			}
		})
	}
	group.Wait()
	if first, again := rules.For("a"), rules.For("a"); first != again {
		t.Error("rights are made again for each connection")
	}
}
