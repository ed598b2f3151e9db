package quota

import (
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/authorizer"
)

// start is when the tests begin.
var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func TestFirstMatchWins(t *testing.T) {
	t.Parallel()
	q := New([]Rule{
		{Name: "admins", Principals: []string{"admin-*"}},
		{Name: "batch", Principals: []string{"*"}, ClientIDs: []string{"batch-*", "nightly"}, ProduceBytes: 10, Burst: time.Second},
		{Principals: []string{"ann", "spiffe://cluster.local/ns/*/sa/orders"}, Requests: 5, Burst: time.Second},
		{Name: "nobody", Principals: []string{"ANONYMOUS"}, FetchBytes: 7, Burst: 2 * time.Second},
	}, start)
	for _, c := range []struct{ principal, clientID, want string }{
		{"admin-1", "batch-1", ""},
		{"ann", "batch-1", "batch"},
		{"ann", "nightly", "batch"},
		{"ann", "nightly2", "2"},
		{"ann", "", "2"},
		{"spiffe://cluster.local/ns/a/sa/orders", "x", "2"},
		{"spiffe://cluster.local/ns/a/sa/other", "x", ""},
		{"ANONYMOUS", "", "nobody"},
		{"ANONYMOUS", "batch-", "batch"},
		{"bob", "", ""},
	} {
		var f Found
		a, got := q.Of(&f, c.principal, c.clientID, start), ""
		if a != nil {
			got = q.Name(a.Rule())
		}
		if got != c.want {
			t.Errorf("Of(%q, %q) is of rule %q, want %q", c.principal, c.clientID, got, c.want)
		}
	}
	var f Found
	if got := q.Of(&f, "ANONYMOUS", "", start).MostFetched(); got != 14 {
		t.Errorf("MostFetched() = %d, want 14", got)
	}
	if got := q.Of(&f, "ann", "", start).MostFetched(); got != 0 {
		t.Errorf("MostFetched() without a limit = %d, want 0", got)
	}
}

// Of the rules those may count that match by the principal, up to the first for all client ids.
func TestPlacesOf(t *testing.T) {
	t.Parallel()
	rules := []Rule{
		{Principals: []string{"admin-*"}},
		{Principals: []string{"*"}, ClientIDs: []string{"batch-*"}},
		{Principals: []string{"ann"}, ClientIDs: []string{"*"}},
		{Principals: []string{"ann", "bob"}, ClientIDs: []string{"nightly"}},
	}
	for principal, want := range map[string][]int{"admin-1": {0}, "ann": {1, 2}, "bob": {1, 3, authorizer.NoRule}, "ANONYMOUS": {1, authorizer.NoRule}} {
		if got := PlacesOf(rules, principal); !slices.Equal(got, want) {
			t.Errorf("PlacesOf(%s) = %v, want %v", principal, got, want)
		}
	}
}

// kept is for how many principals there are allowances.
func kept(q *Quotas) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.kept)
}

func TestNothingIsLimited(t *testing.T) {
	t.Parallel()
	if q := New(nil, start); q != nil || q.Len() != 0 {
		t.Error("no rules, and still quotas")
	}
	var a *Allowance
	if got := a.Charge(Produced, 1<<60, start); got != 0 {
		t.Errorf("Charge of no allowance = %v, want 0", got)
	}
}

// Each principal has buckets of its own, whatever connections it has; and each kind has one.
func TestPrincipalsApart(t *testing.T) {
	t.Parallel()
	q := New([]Rule{{Principals: []string{"*"}, ProduceBytes: 1000, Requests: 1, Burst: time.Second}}, start)
	var one, two, other Found
	charge := func(f *Found, principal string, k Kind, n int64, want time.Duration) {
		t.Helper()
		if got := q.Of(f, principal, "", start).Charge(k, n, start); got != want {
			t.Errorf("%s: Charge(%d, %d) = %v, want %v", principal, k, n, got, want)
		}
	}
	charge(&one, "ann", Produced, 1000, 0)
	charge(&two, "ann", Produced, 1000, time.Second)
	charge(&other, "bob", Produced, 1000, 0)
	charge(&one, "ann", Requests, 1, 0)
	charge(&one, "ann", Requests, 1, time.Second)
	charge(&one, "ann", Fetched, 1<<40, 0)
	charge(&one, "bob", Produced, 500, 500*time.Millisecond) // the connection has logged in as somebody else
}

func TestIdleAreDropped(t *testing.T) {
	t.Parallel()
	q := newQuotas([]Rule{{Principals: []string{"*"}, ProduceBytes: 1000, Burst: time.Second}}, start, 10)
	var debtor Found
	q.Of(&debtor, "debtor", "", start).Charge(Produced, 9000, start)
	now := start.Add(5 * time.Second)
	for i := range 100 {
		var f Found
		now = now.Add(leastKept)
		if now.Sub(start) > 8*time.Second {
			now = start.Add(8 * time.Second)
		}
		q.Of(&f, "p"+strconv.Itoa(i), "", now)
	}
	if got := kept(q); got > 10 {
		t.Errorf("%d allowances, want 10 at most", got)
	}
	if got, want := q.Of(&debtor, "debtor", "", now).Charge(Produced, 0, start.Add(5*time.Second)), 3*time.Second; got != want {
		t.Errorf("a debtor's wait is %v, want %v: it was dropped", got, want)
	}
	var again Found
	if q.Of(&again, "debtor", "", now) != q.Of(&debtor, "debtor", "", now) {
		t.Error("two connections of a principal have two allowances")
	}
}

// Where there is no room, principals share one allowance, until there is.
func TestNoRoom(t *testing.T) {
	t.Parallel()
	q := newQuotas([]Rule{{Principals: []string{"*"}, ProduceBytes: 1000, Burst: time.Second}}, start, 2)
	of := map[string]*Found{}
	charge := func(principal string, n int64, now time.Time, want time.Duration) {
		t.Helper()
		if of[principal] == nil {
			of[principal] = new(Found)
		}
		if got := q.Of(of[principal], principal, "", now).Charge(Produced, n, now); got != want {
			t.Errorf("%.20s: Charge(%d) = %v, want %v", principal, n, got, want)
		}
	}
	charge("ann", 2000, start, time.Second)
	charge("bob", 2000, start, time.Second)
	charge("cid", 1000, start, 0)
	charge("dan", 1000, start, time.Second)
	charge("cid", 0, start, time.Second)
	if got := kept(q); got != 2 {
		t.Errorf("%d allowances, want 2", got)
	}
	later := start.Add(2 * time.Second)
	charge("cid", 2000, later, time.Second) // of its own now: ann and bob have no debts, and are dropped
	charge("dan", 1000, later, 0)
	long := strings.Repeat("x", longestPrincipal+1)
	charge(long, 0, later, 0)
	if q.Of(of[long], long, "", later) != q.shared[0] {
		t.Error("a very long name has an allowance of its own")
	}
}

// TestHammer has connections of many principals charge at the same time, on few places: no wait is out of bounds, and no more is kept.
func TestHammer(t *testing.T) {
	t.Parallel()
	q := newQuotas([]Rule{
		{Principals: []string{"p1*"}, ProduceBytes: 1000, FetchBytes: 10, Burst: time.Second}, {Principals: []string{"*"}, Requests: 10, Burst: time.Second},
	}, start, 8)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			var f Found
			for j := range 5000 {
				now := start.Add(time.Duration(j) * time.Millisecond)
				a := q.Of(&f, "p"+strconv.Itoa((i+j/50)%20), "", now)
				if wait := a.Charge(Kind(j%int(kinds)), int64(j%100), now); wait < 0 || wait > MaxWait {
					t.Errorf("a wait of %v", wait)
				}
				if n := kept(q); n > 8 {
					t.Errorf("%d allowances", n)
				}
			}
		})
	}
	all.Wait()
}

func BenchmarkCharge(b *testing.B) {
	q := New([]Rule{{Principals: []string{"*"}, ProduceBytes: 1 << 30, Burst: time.Second}}, start)
	var f Found
	now := start
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(time.Microsecond)
		q.Of(&f, "ann", "x", now).Charge(Produced, 1000, now)
	}
}
