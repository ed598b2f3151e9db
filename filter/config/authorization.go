package config

import (
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/authorizer"
	kafkameshv1 "github.com/kafkamesh/envoy-kafka-mesh/proto/kafkamesh/v1"
)

// authorization checks authorization and fills c.Authorization.
func (c *Config) authorization(bad *mistakes, m *kafkameshv1.Authorization) {
	const path = "authorization.rules"
	list := m.GetRules()
	patterns := 0
	for _, r := range list {
		patterns += len(r.GetPrincipals()) + len(r.GetTopics()) + len(r.GetGroups()) + len(r.GetTransactionalIds())
	}
	given := givenRules{
		in: "authorization", absent: "everybody might do everything", none: "nobody might do anything", write: "effect, principals and operations",
		named: "principals, topics, groups and transactional ids", rules: len(list), patterns: patterns,
	}
	if !given.check(bad, m == nil) {
		return
	}
	a := authorization{newRuleList(bad, path)}
	for i, r := range list {
		c.Authorization = append(c.Authorization, a.rule(index(path, i), i, r))
	}
}

// authorization is what is known of its rules so far.
type authorization struct{ ruleList }

// rule checks one rule.
func (a *authorization) rule(at string, place int, r *kafkameshv1.AuthorizationRule) authorizer.Rule {
	before := len(a.bad.list)
	a.name(join(at, "name"), place, r.GetName())
	a.effect(join(at, "effect"), r.GetEffect())
	rule := authorizer.Rule{
		Name: r.GetName(), Allow: r.GetEffect() == kafkameshv1.AuthorizationRule_EFFECT_ALLOW, Cluster: r.GetCluster(),
		Principals: r.GetPrincipals(), Topics: r.GetTopics(), Groups: r.GetGroups(), TransactionalIDs: r.GetTransactionalIds(),
	}
	a.principals(join(at, "principals"), rule.Principals)
	rule.Operations = a.operations(join(at, "operations"), r.GetOperations())
	a.list(join(at, "topics"), rule.Topics, topicPattern)
	a.list(join(at, "groups"), rule.Groups, idPattern)
	a.list(join(at, "transactional_ids"), rule.TransactionalIDs, idPattern)
	if len(a.bad.list) > before || a.unread(at) {
		return rule
	}
	if a.fits(at, r, &rule) {
		a.hidden(at, place, rule)
	}
	return rule
}

func (a *authorization) name(path string, place int, name string) {
	if name == authorizer.NoRuleName {
		a.bad.add(path, "%s is what denials are counted by that no rule has decided; write another", quote(name))
		return
	}
	a.ruleList.name(path, place, name)
}

func (a *authorization) effect(path string, e kafkameshv1.AuthorizationRule_Effect) {
	switch {
	case e == kafkameshv1.AuthorizationRule_EFFECT_UNSPECIFIED && !a.bad.given[path]:
		a.bad.add(path, "missing; write EFFECT_ALLOW or EFFECT_DENY")
	case e != kafkameshv1.AuthorizationRule_EFFECT_ALLOW && e != kafkameshv1.AuthorizationRule_EFFECT_DENY:
		a.bad.add(path, "%v is not allowed; write EFFECT_ALLOW or EFFECT_DENY", e)
	}
}

// topicPattern says what is wrong with a pattern of topics.
func topicPattern(pattern string) error {
	before, prefix := strings.CutSuffix(pattern, "*")
	reason := prefixMistake(before)
	if !prefix {
		reason = topicMistake(pattern)
	}
	switch {
	case strings.Contains(before, "*"):
		return errors.New("has a star that is not at its end; write the beginning and one star, " + before[:strings.IndexByte(before, '*')] + "*")
	case reason != "":
		return errors.New("cannot be a topic: " + reason + "; write the name of a topic, or the beginning of names and a star")
	default:
		return nil
	}
}

// idPattern says what is wrong with a pattern of groups or transactional ids.
func idPattern(pattern string) error {
	switch {
	case pattern == "":
		return errors.New(`is nobody's; write an id, the beginning of ids and a star, or "*" for every one`)
	case len(pattern) > math.MaxInt16:
		return errors.New("is too long: an id has at most " + strconv.Itoa(math.MaxInt16) + " bytes; write the beginning of ids and a star")
	default:
		return nil
	}
}

// operations checks what a rule is for.
func (a *authorization) operations(path string, list []kafkameshv1.AuthorizationRule_Operation) (s authorizer.Operations) {
	if a.bad.cannotRead(path) {
		return 0
	}
	if len(list) == 0 {
		a.bad.add(path, "missing; name at least one operation, or write [OPERATION_ALL]")
		return 0
	}
	for i, o := range list {
		at := index(path, i)
		switch {
		case a.bad.cannotRead(at):
			return 0
		case o <= kafkameshv1.AuthorizationRule_OPERATION_UNSPECIFIED || kafkameshv1.AuthorizationRule_Operation_name[int32(o)] == "":
			a.bad.add(at, "%v is not allowed; write the name of an operation, such as OPERATION_READ, or OPERATION_ALL", o)
		case slices.Contains(list[:i], o):
			a.bad.add(at, "%v is given twice; remove one of the two", o)
		case o == kafkameshv1.AuthorizationRule_OPERATION_ALL && len(list) > 1:
			a.bad.add(at, "is all operations, so that the others have no effect; keep it alone, or remove it")
		case o == kafkameshv1.AuthorizationRule_OPERATION_ALL:
			s = authorizer.All
		default:
			s |= authorizer.Of(operationOf(o))
		}
	}
	return s
}

// operationOf is one that is not all of them.
func operationOf(o kafkameshv1.AuthorizationRule_Operation) authorizer.Operation {
	return authorizer.Operation(o - kafkameshv1.AuthorizationRule_OPERATION_READ) // in the same order
}

// fits checks that what the rule is for, and what it is about, go together.
func (a *authorization) fits(at string, m *kafkameshv1.AuthorizationRule, r *authorizer.Rule) bool {
	before := len(a.bad.list)
	var possible authorizer.Operations
	for _, about := range []struct {
		kind  authorizer.Kind
		field string
		given bool
	}{
		{authorizer.Topic, "topics", len(r.Topics) > 0},
		{authorizer.Group, "groups", len(r.Groups) > 0},
		{authorizer.TransactionalID, "transactional_ids", len(r.TransactionalIDs) > 0},
		{authorizer.Cluster, "cluster", r.Cluster},
	} {
		if !about.given {
			continue
		}
		possible |= about.kind.Operations()
		if r.Operations&about.kind.Operations() == 0 {
			a.bad.add(join(at, about.field), "none of the rule's operations is for them, which are %s; write one of those into operations, or remove %s",
				named(about.kind.Operations()), about.field)
		}
	}
	if possible == 0 {
		a.bad.add(at, `is about nothing; write topics, groups, transactional_ids or cluster: true, such as topics: ["orders*"]`)
		return false
	}
	if len(a.bad.list) > before {
		return false
	}
	for i, o := range m.GetOperations() {
		if o != kafkameshv1.AuthorizationRule_OPERATION_ALL && !possible.Has(operationOf(o)) {
			a.bad.add(index(join(at, "operations"), i), "%v is for nothing that the rule is about, which has %s; write one of those, or remove it", o, named(possible))
		}
	}
	return len(a.bad.list) == before
}

// named are operations as they are written here.
func named(s authorizer.Operations) string {
	var names []string
	s.Each(func(o authorizer.Operation) { names = append(names, "OPERATION_"+o.String()) })
	return strings.Join(names, ", ")
}
