package quota

import (
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/authorizer"
)

// Rule limits what each of its principals may do. It matches if one of Principals and one of ClientIDs do.
type Rule struct {
	// Name tells the rule from others. Empty: it is called by its place, from 0.
	Name string
	// Principals are patterns as authorizer.Rule has them.
	Principals []string
	// ClientIDs are names, or beginnings of names with a star behind them. None: every client id, and clients without one.
	ClientIDs []string
	// ProduceBytes, FetchBytes and Requests are what comes in in a second. Zero: there is no limit.
	ProduceBytes, FetchBytes, Requests int64
	// Burst is for how long of that a principal that has done nothing may do at once.
	Burst time.Duration
}

// Bounds of what is kept.
const (
	// MaxAllowances is for how many principals there are allowances at one time, of all rules together.
	MaxAllowances = 10_000
	// longestPrincipal is how long a name may be that has an allowance of its own: as long as a SPIFFE id.
	longestPrincipal = 2048
	// looked and lookedFull are at how many allowances a new one has somebody look, to drop those that are idle.
	looked, lookedFull = 4, 64
	// leastKept is how long an allowance is kept at least: nobody has charged it when it is made.
	leastKept = time.Second
)

// Quotas are all rules and the allowances under them. Any goroutine may use them. Nil limits nothing.
type Quotas struct {
	rules  []Rule
	first  *authorizer.Rules
	began  time.Time
	most   int
	shared []*Allowance // of each rule, of principals for whom there is no room

	mu   sync.Mutex
	kept map[key]*Allowance
}

// key is a principal under a rule.
type key struct {
	rule      int
	principal string
}

// New makes Quotas of rules, in the order in which they are to be tried. It keeps them, and returns nil if there are none.
func New(rules []Rule, now time.Time) *Quotas { return newQuotas(rules, now, MaxAllowances) }

func newQuotas(rules []Rule, now time.Time, most int) *Quotas {
	if len(rules) == 0 {
		return nil
	}
	q := &Quotas{rules: rules, began: now, most: most, kept: map[key]*Allowance{}}
	matching := make([]authorizer.Rule, len(rules))
	for i := range rules {
		matching[i] = Matching(&rules[i])
		q.shared = append(q.shared, newAllowance(i, &rules[i], now))
	}
	q.first = authorizer.New(matching)
	return q
}

// What matches a client id under authorization's rules: they have no word for that, and it is nothing but a name to them.
const (
	asked = authorizer.Read
	named = authorizer.Group
)

// Matching is a rule as package authorizer finds it, so that names match here as they do there.
func Matching(r *Rule) authorizer.Rule {
	ids := r.ClientIDs
	if len(ids) == 0 {
		ids = []string{"*"}
	}
	return authorizer.Rule{Principals: r.Principals, Operations: authorizer.Of(asked), Groups: ids}
}

// Len is the number of rules.
func (q *Quotas) Len() int {
	if q == nil {
		return 0
	}
	return len(q.rules)
}

// Name is what the rule at a place is called.
func (q *Quotas) Name(place int) string { return Name(q.rules, place) }

// Name is what the rule at a place is called.
func Name(rules []Rule, place int) string {
	if name := rules[place].Name; name != "" {
		return name
	}
	return strconv.Itoa(place)
}

// PlacesOf are the places of the rules that may count for a principal, by what its clients call themselves: those for some client ids, and
// behind them the one for all others, or authorizer.NoRule.
func PlacesOf(rules []Rule, principal string) (places []int) {
	for i := range rules {
		matching := Matching(&Rule{Principals: rules[i].Principals})
		if authorizer.New([]authorizer.Rule{matching}).For(principal).Decide(asked, named, "").Rule == authorizer.NoRule {
			continue
		}
		places = append(places, i)
		if ids := rules[i].ClientIDs; len(ids) == 0 || slices.Contains(ids, "*") {
			return places
		}
	}
	return append(places, authorizer.NoRule)
}

// Found is what a connection remembers of its allowance. One goroutine at a time may use it. The zero value remembers nothing.
type Found struct {
	principal, clientID string
	known               bool // what follows is of these
	place               int  // of the rule
	limited             bool // there is one, and it limits something
	allowance           *Allowance
}

// Of is the allowance of a principal that calls its client so. Nil: no rule matches, or the one that does limits nothing.
func (q *Quotas) Of(f *Found, principal, clientID string, now time.Time) *Allowance {
	if !f.known || f.principal != principal || f.clientID != clientID {
		*f = Found{principal: principal, clientID: clientID, known: true, place: q.first.For(principal).Decide(asked, named, clientID).Rule}
		f.limited = f.place != authorizer.NoRule && q.rules[f.place].limits()
	}
	if f.limited && (f.allowance == nil || f.allowance == q.shared[f.place] || f.allowance.gone.Load()) {
		f.allowance = q.find(key{f.place, principal}, now)
	}
	return f.allowance
}

// limits reports whether there is anything that the rule limits.
func (r *Rule) limits() bool { return r.ProduceBytes > 0 || r.FetchBytes > 0 || r.Requests > 0 }

// find returns the allowance of a principal, a new one if there is room for it, or else that of its rule.
func (q *Quotas) find(k key, now time.Time) *Allowance {
	q.mu.Lock()
	defer q.mu.Unlock()
	if a := q.kept[k]; a != nil {
		return a
	}
	q.drop(now)
	if len(q.kept) >= q.most || len(k.principal) > longestPrincipal {
		return q.shared[k.rule]
	}
	a := newAllowance(k.rule, &q.rules[k.rule], q.began)
	a.full.Store(int64(now.Sub(q.began) + leastKept))
	q.kept[k] = a
	return a
}

// drop looks at some allowances, by chance, and drops the idle ones. The mutex is held.
func (q *Quotas) drop(now time.Time) {
	left := looked
	if len(q.kept) >= q.most {
		left = lookedFull
	}
	for k, a := range q.kept {
		if left--; left < 0 {
			return
		}
		if a.idle(now) {
			a.gone.Store(true)
			delete(q.kept, k)
		}
	}
}
