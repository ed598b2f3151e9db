package config

import (
	"strings"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/authorizer"
)

const (
	// maxPrincipalRules bounds what is counted for single rules.
	maxPrincipalRules = 1000
	// maxRulePatterns bounds what all rules name together, and so the memory that each set of them takes.
	maxRulePatterns = 10000
	// longestRuleName is the most characters of a name that metrics have.
	longestRuleName = 64
)

// ruleList is what is known so far of rules that principals match, and of which the first that does counts.
type ruleList struct {
	bad    *mistakes
	path   string         // of the list
	names  map[string]int // places of rules that have one
	hider  authorizer.Hider
	places []int // of rules that hider has
}

func newRuleList(bad *mistakes, path string) ruleList {
	return ruleList{bad: bad, path: path, names: map[string]int{}}
}

// givenRules says how many rules there are in a message, and what they would be about if there were none.
type givenRules struct {
	in              string // the message's field
	absent, none    string // what would be without a value, and without a rule
	write, named    string // what a rule is written with, and what its patterns name
	rules, patterns int
}

// check reports whether there are rules, and not too many. missing says that the message is not there.
func (g *givenRules) check(bad *mistakes, missing bool) bool {
	path := join(g.in, "rules")
	_, written := bad.places[g.in]
	switch {
	case missing && written:
		bad.add(g.in, "has no value, so that %s; write rules into it, or remove it", g.absent)
	case missing || bad.cannotRead(path):
	case g.rules == 0:
		bad.add(path, "none given, so that %s; write at least one, with %s, or remove %s", g.none, g.write, g.in)
	case g.rules > maxPrincipalRules:
		bad.add(path, "%d rules are too many; write at most %d, which name several principals and the beginnings of names", g.rules, maxPrincipalRules)
	case g.patterns > maxRulePatterns:
		bad.add(path, "name %d %s, which are too many; name at most %d, or the beginnings of names", g.patterns, g.named, maxRulePatterns)
	default:
		return true
	}
	return false
}

// ruleNameRunes are the characters of rules' names.
const ruleNameRunes = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"

// name checks what a rule is called.
func (l *ruleList) name(path string, place int, name string) {
	switch {
	case name == "":
		return
	case len(name) > longestRuleName || strings.Trim(name, ruleNameRunes) != "":
		l.bad.add(path, "%s is not one; write letters, digits, dashes and underscores, at most %d", quote(name), longestRuleName)
	case isDigits(name):
		l.bad.add(path, "%s could be the number of a rule; write a word", quote(name))
	default:
		if other, ok := l.names[name]; ok {
			l.bad.add(path, "%s is the name of %s already; change one of the two", quote(name), index(l.path, other))
			return
		}
		l.names[name] = place
	}
}

// principals checks who a rule is for.
func (l *ruleList) principals(path string, principals []string) {
	if l.list(path, principals, authorizer.CheckPrincipal) && len(principals) == 0 {
		l.bad.add(path, `missing; name at least one principal, or write ["*"] for everybody`)
	}
}

// list checks patterns, of which none may be there twice. True: it could be read and is not one that is given and empty.
func (l *ruleList) list(path string, patterns []string, check func(pattern string) error) bool {
	if l.bad.cannotRead(path) {
		return false
	}
	if len(patterns) == 0 && l.bad.given[path] {
		l.bad.add(path, "is an empty list, which nothing is in; name something, or remove the rule")
		return false
	}
	first := make(map[string]int, len(patterns))
	for i, pattern := range patterns {
		at := index(path, i)
		if l.bad.cannotRead(at) {
			continue
		}
		if err := check(pattern); err != nil {
			l.bad.add(at, "%s %v", quote(pattern), err)
			continue
		}
		if j, ok := first[pattern]; ok {
			l.bad.add(at, "%s is %s already; remove one of the two", quote(pattern), index(path, j))
			continue
		}
		first[pattern] = i
	}
	return true
}

// unread reports whether a field of a rule cannot be read, of which something is said already.
func (l *ruleList) unread(at string) bool {
	if l.bad.cannotRead(at) {
		return true
	}
	for path := range l.bad.broken {
		if strings.HasPrefix(path, at+".") {
			return true
		}
	}
	return false
}

// hidden checks that a rule can decide something.
func (l *ruleList) hidden(at string, place int, r authorizer.Rule) {
	by := l.hider.Add(r)
	l.places = append(l.places, place)
	var earlier []string
	for _, i := range by {
		earlier = append(earlier, index(l.path, l.places[i])+l.called(l.places[i]))
	}
	what := "this rule" + l.called(place)
	switch {
	case len(earlier) == 0:
	case len(earlier) == 1:
		l.bad.add(at, "%s never decides, since %s decides all of it before; move this rule before that one, or remove it", what, earlier[0])
	default:
		l.bad.add(at, "%s never decides, since %s decide all of it before, each a part; move this rule before them, or remove it", what, strings.Join(earlier, ", "))
	}
}

// called is the name of a rule that has one, in brackets.
func (l *ruleList) called(place int) string {
	for name, i := range l.names {
		if i == place {
			return " (" + name + ")"
		}
	}
	return ""
}
