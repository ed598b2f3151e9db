package quota

import (
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Who is over a limit is told of with how much it is held back, until it has kept to it for a minute.
func TestThrottled(t *testing.T) {
	t.Parallel()
	began := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	q := New([]Rule{
		{Name: "batch", Principals: []string{"batch-*"}, ProduceBytes: 1000, Requests: 10, Burst: time.Second},
		{Principals: []string{"*"}, FetchBytes: 1000, Burst: time.Second},
	}, began)
	of := func(principal string, now time.Time) *Allowance { return q.Of(new(Found), principal, "", now) }
	look := func(now time.Time) []Throttle {
		list, more := q.Throttled(now, 10)
		if more != 0 {
			t.Errorf("%d more", more)
		}
		return list
	}
	now := began.Add(time.Hour)
	of("batch-1", now).Charge(Produced, 500, now)
	of("ann", now).Charge(Fetched, 1000, now)
	if list := look(now); len(list) != 0 {
		t.Errorf("%+v are throttled, who are within their limits", list)
	}
	of("batch-1", now).Charge(Produced, 4500, now) // 4 seconds' worth of debt
	of("ann", now).Charge(Fetched, 1000, now)
	want := []Throttle{
		{Rule: "batch", Principal: "batch-1", Kinds: []Kind{Produced}, Since: now, Share: 1, Left: 4 * time.Second},
		{Rule: "1", Principal: "ann", Kinds: []Kind{Fetched}, Since: now, Share: 1, Left: time.Second},
	}
	if diff := cmp.Diff(want, look(now)); diff != "" {
		t.Errorf("at once (-want +got):\n%s", diff)
	}
	want[0].Left, want[1].Left, want[1].Share = 2*time.Second, 0, 0.5
	if diff := cmp.Diff(want, look(now.Add(2*time.Second))); diff != "" {
		t.Errorf("two seconds later (-want +got):\n%s", diff)
	}
	later := now.Add(8 * time.Second)
	of("batch-1", later).Charge(Requests, 20, later)
	want[0].Kinds, want[0].Share, want[0].Left = []Kind{Produced, Requests}, 0.5, time.Second
	want[1].Share = 0.125
	if diff := cmp.Diff(want, look(later)); diff != "" {
		t.Errorf("when it is over another limit (-want +got):\n%s", diff)
	}
	if list := look(later.Add(pause + 2*time.Second)); len(list) != 0 {
		t.Errorf("%+v are throttled a minute after", list)
	}
	again := later.Add(time.Hour)
	of("ann", again).Charge(Fetched, 3000, again)
	if list := look(again); len(list) != 1 || list[0].Since != again || list[0].Share != 1 {
		t.Errorf("%+v, want one that has just begun anew", list)
	}
}

// Those whom there is no room for are told of together, and the list is bounded.
func TestThrottledIsBounded(t *testing.T) {
	t.Parallel()
	const most = 3
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	q := newQuotas([]Rule{{Name: "all", Principals: []string{"*"}, Requests: 1, Burst: time.Second}}, now, most)
	for i := range 3 * most {
		q.Of(new(Found), "client-"+strconv.Itoa(i), "", now).Charge(Requests, int64(5+i), now)
	}
	list, more := q.Throttled(now, 2)
	if len(list) != 2 || more != 2 {
		t.Errorf("%+v and %d more, want 2 and 2: three with allowances, and the others together", list, more)
	}
	if list, _ = q.Throttled(now, 10); list[0].Principal != "" || list[0].Left != MaxWait {
		t.Errorf("%+v, want those together first that share an allowance", list)
	}
	if list, more := (*Quotas)(nil).Throttled(now, 1); list != nil || more != 0 {
		t.Error("somebody is throttled where there are no quotas")
	}
}
