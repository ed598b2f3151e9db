package authorizer

import (
	"slices"
	"strconv"
	"sync"
)

// Rule allows or denies. It matches if one of Principals, one of Operations, and one of what it is about match.
type Rule struct {
	// Name tells the rule from others. Empty: it is called by its place, from 0.
	Name string
	// Allow says that what matches is allowed; else it is denied.
	Allow bool
	// Principals are names, beginnings of names with a star behind them, or SPIFFE ids in which a star is one segment of the path.
	Principals []string
	// Operations are what the rule is for. One that something has not (Kind.Operations) has no effect there.
	Operations Operations
	// Topics, Groups and TransactionalIDs are names, or beginnings of names with a star behind them.
	Topics, Groups, TransactionalIDs []string
	// Cluster says that the rule is about the cluster, too.
	Cluster bool
}

// names are the patterns of a kind. Those of the cluster are the one name that it has, which is empty.
func (r *Rule) names(k Kind) []string {
	switch {
	case k == Topic:
		return r.Topics
	case k == Group:
		return r.Groups
	case k == TransactionalID:
		return r.TransactionalIDs
	case r.Cluster:
		return []string{""}
	default:
		return nil
	}
}

// effective are the operations that a rule decides about something of a kind.
func (r *Rule) effective(k Kind) Operations {
	s := r.Operations & k.Operations()
	if r.Allow {
		s = s.implied() & k.Operations()
	}
	return s
}

const (
	// NoRule is the place of a rule where none has decided.
	NoRule = -1
	// NoRuleName is what that is called.
	NoRuleName = "no_rule"
)

// Bounds of what is kept for the next connection.
const (
	maxPrincipals = 1000    // whose Rights are known
	maxNodes      = 250_000 // of all Rights together, of some 60 bytes
	leastNodes    = 10      // that Rights count as, which have none
)

// Rules is compiled rules. They never change, and any goroutine may use them. Nil are no rules: everybody may do everything.
type Rules struct {
	rules []Rule
	who   [][]principals // of each rule

	mu   sync.RWMutex
	kept map[string]*Rights // by principal
	sets map[string]*Rights // by the rules that are about a principal: all of whom they are have the same
	held int                // nodes in sets
}

// New compiles rules, in the order in which they are to be tried. It keeps them, and returns nil if there are none.
func New(rules []Rule) *Rules {
	if len(rules) == 0 {
		return nil
	}
	r := &Rules{rules: rules, who: make([][]principals, len(rules)), kept: map[string]*Rights{}, sets: map[string]*Rights{}}
	for i := range rules {
		for _, p := range rules[i].Principals {
			r.who[i] = append(r.who[i], principalsOf(p))
		}
	}
	return r
}

// Len is the number of rules.
func (r *Rules) Len() int {
	if r == nil {
		return 0
	}
	return len(r.rules)
}

// Name is what the rule at a place is called, or that there is none.
func (r *Rules) Name(place int) string {
	switch {
	case place == NoRule:
		return NoRuleName
	case r.rules[place].Name != "":
		return r.rules[place].Name
	default:
		return strconv.Itoa(place)
	}
}

// For is what a principal may do. Nil: everything, because there are no rules.
func (r *Rules) For(principal string) *Rights {
	if r == nil {
		return nil
	}
	r.mu.RLock()
	rights := r.kept[principal]
	r.mu.RUnlock()
	if rights != nil {
		return rights
	}
	about := r.about(principal)
	r.mu.RLock()
	rights = r.sets[about]
	r.mu.RUnlock()
	if rights == nil {
		rights = r.compile(about) // perhaps several at a time do, which is better than that they wait
	}
	return r.keep(principal, about, rights)
}

// keep keeps the Rights of a principal, if there is room for them, and returns them; or those that are kept already.
func (r *Rules) keep(principal, about string, rights *Rights) *Rights {
	r.mu.Lock()
	defer r.mu.Unlock()
	if known := r.sets[about]; known != nil {
		rights = known
	} else {
		nodes := rights.nodes()
		if r.held+nodes > maxNodes {
			return rights
		}
		r.sets[about] = rights
		r.held += nodes
	}
	if len(r.kept) < maxPrincipals {
		r.kept[principal] = rights
	}
	return rights
}

// about is which rules are about a principal, a bit each.
func (r *Rules) about(principal string) string {
	bits := make([]byte, (len(r.rules)+7)/8)
	for i, who := range r.who {
		if slices.ContainsFunc(who, func(p principals) bool { return p.match(principal) }) {
			bits[i/8] |= 1 << (i % 8)
		}
	}
	return string(bits)
}

// compile makes the Rights of those whom these rules are about.
func (r *Rules) compile(about string) *Rights {
	var b builder
	for i := range r.rules {
		if about[i/8]&(1<<(i%8)) != 0 {
			b.add(&r.rules[i], i)
		}
	}
	return b.rights(r)
}
