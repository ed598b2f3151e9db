package quota

import (
	"cmp"
	"slices"
	"time"
)

// pause is how long a principal has to keep to its limits for a stretch to be over.
const pause = time.Minute

// stretch is a time in which a principal has been over its limits again and again. Time is counted from an origin that its owner has. The
// zero value is that it never was.
type stretch struct {
	began, until time.Duration // until there is a debt
	owing        time.Duration // for which there was a debt
	over         [kinds]bool   // what it was over
}

// add takes down that there is a debt for so long from now on.
func (s *stretch) add(k Kind, at, wait time.Duration) {
	if s.owing == 0 || at > s.until+pause {
		*s = stretch{began: at, until: at}
	}
	s.over[k] = true
	if until := at + wait; until > s.until {
		s.owing += until - max(at, s.until)
		s.until = until
	}
}

// Throttle says how much a principal is held back by a rule.
type Throttle struct {
	// Rule is the rule's name.
	Rule string
	// Principal is who is held back; empty: those together for whom there was no allowance of their own.
	Principal string
	// Kinds are the limits that it was over.
	Kinds []Kind
	// Since is since when it has been over them, with no more than a minute between two times.
	Since time.Time
	// Share is for which part of that time it was held back, and Left for how long it is from now on.
	Share float64
	Left  time.Duration
}

// Throttled are the principals that are held back now, or were in the last minute: most of them at most, those first that are held back most,
// and how many more there are. It looks at every allowance: it is for when somebody asks.
func (q *Quotas) Throttled(now time.Time, most int) (list []Throttle, more int) {
	if q == nil {
		return nil, 0
	}
	for k, a := range q.active(now) {
		if t, is := a.throttle(now); is {
			t.Rule, t.Principal = q.Name(k.rule), k.principal
			list = append(list, t)
		}
	}
	for i, a := range q.shared {
		if t, is := a.throttle(now); is {
			t.Rule = q.Name(i)
			list = append(list, t)
		}
	}
	slices.SortFunc(list, func(a, b Throttle) int {
		return cmp.Or(cmp.Compare(b.Share, a.Share), cmp.Compare(b.Left, a.Left), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Principal, b.Principal))
	})
	kept := min(len(list), most)
	return list[:kept], len(list) - kept
}

// active are the allowances that may have been over a limit lately.
func (q *Quotas) active(now time.Time) map[key]*Allowance {
	q.mu.Lock()
	defer q.mu.Unlock()
	active := map[key]*Allowance{}
	for k, a := range q.kept {
		if now.Sub(q.began)-time.Duration(a.full.Load()) < pause {
			active[k] = a
		}
	}
	return active
}

// throttle is how much the principal is held back; false: it has not been of late.
func (a *Allowance) throttle(now time.Time) (t Throttle, is bool) {
	at := now.Sub(a.began)
	a.mu.Lock()
	s := a.stretch
	a.mu.Unlock()
	if s.owing == 0 || at > s.until+pause {
		return t, false
	}
	t.Since, t.Left = a.began.Add(s.began), max(0, s.until-at)
	t.Share = 1
	if passed := at - s.began; passed > 0 {
		t.Share = min(1, float64(s.owing-t.Left)/float64(passed))
	}
	for k, over := range s.over {
		if over {
			t.Kinds = append(t.Kinds, Kind(k))
		}
	}
	return t, true
}

// String is what a limit of the kind is of.
func (k Kind) String() string { return [kinds]string{"produce", "fetch", "requests"}[k] }
