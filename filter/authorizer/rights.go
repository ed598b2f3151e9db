package authorizer

// Decision is what the rules say of one thing.
type Decision struct {
	Allowed bool
	// Rule is the place of the rule that has decided. NoRule: none has, so that it is denied; or there are no rules.
	Rule int
}

// Rights is what one principal may do. They never change, and any goroutine may use them. Nil allow everything.
type Rights struct {
	rules    *Rules
	tables   [kinds]table
	someName [kinds][operations]int16
}

// Decide says whether something may be done with what has a name. The cluster has none.
func (r *Rights) Decide(o Operation, k Kind, name string) Decision {
	if r == nil {
		return Decision{Allowed: true, Rule: NoRule}
	}
	return r.decision(r.tables[k].first(name, o))
}

// May is whether Decide allows it.
func (r *Rights) May(o Operation, k Kind, name string) bool {
	return r == nil || r.Decide(o, k, name).Allowed
}

// Any says whether something may be done with anything of a kind, whatever its name is: a rule allows it and none before it denies all
// that it is about.
func (r *Rights) Any(o Operation, k Kind) Decision {
	if r == nil {
		return Decision{Allowed: true, Rule: NoRule}
	}
	return r.decision(r.someName[k][o])
}

// All says whether something may be done with everything of a kind, whatever its name is. It looks at all rules.
func (r *Rights) All(o Operation, k Kind) Decision {
	if r == nil {
		return Decision{Allowed: true, Rule: NoRule}
	}
	nodes := r.tables[k].nodes
	if len(nodes) == 0 || nodes[0].names != (names{prefix: true}) {
		return r.decision(NoRule)
	}
	for i := range nodes {
		if d := r.decision(nodes[i].first[o]); !d.Allowed {
			return d
		}
	}
	return r.decision(nodes[0].first[o])
}

func (r *Rights) decision(place int16) Decision {
	return Decision{Allowed: place != NoRule && r.rules.rules[place].Allow, Rule: int(place)}
}

// builder makes the Rights of a principal of the rules that are about it, which are added in order.
type builder struct{ entries [kinds][]entry }

func (b *builder) add(r *Rule, place int) {
	for k := range Kind(kinds) {
		effective := r.effective(k)
		if effective == 0 {
			continue
		}
		for _, pattern := range r.names(k) {
			b.entries[k] = append(b.entries[k], entry{namesOf(pattern), effective, int16(place), r.Allow})
		}
	}
}

func (b *builder) rights(rules *Rules) *Rights {
	r := &Rights{rules: rules}
	for k, entries := range b.entries {
		r.tables[k] = newTable(entries)
		for o := range Operation(operations) {
			r.someName[k][o] = anyOf(entries, r.tables[k], o)
		}
	}
	return r
}

// nodes is how much memory they take.
func (r *Rights) nodes() int {
	n := leastNodes
	for i := range r.tables {
		n += len(r.tables[i].nodes)
	}
	return n
}

// anyOf is the first rule that allows something with a name; else the first that denies it.
func anyOf(entries []entry, t table, o Operation) int16 {
	denied := int16(NoRule)
	for _, e := range entries {
		switch {
		case !e.operations.Has(o):
		case !e.allow:
			if denied == NoRule {
				denied = e.place
			}
		case t.node(e.names).first[o] == e.place:
			return e.place
		}
	}
	return denied
}
