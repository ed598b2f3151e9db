package filter

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/broker"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/status"
)

const (
	// maxGroups is how many groups are told of, and maxThrottled how many of whom quotas hold back.
	maxGroups    = 30
	maxThrottled = 20
	// maxRefusedGroups is of how many groups the commits are remembered that were refused, and refusedLately for how long a group without
	// members is told of for that.
	maxRefusedGroups = 100
	refusedLately    = 10 * time.Minute
)

// refusedCommits remembers which groups had commits refused last. Any goroutine may use it; it is asked for nothing by commits that go well.
type refusedCommits struct {
	mu sync.Mutex
	of map[string]status.Group // by id
}

// take takes note of one.
func (r *refusedCommits) take(c broker.RefusedCommit) {
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.of == nil {
		r.of = map[string]status.Group{}
	}
	g, known := r.of[c.Group]
	if !known && len(r.of) == maxRefusedGroups {
		delete(r.of, r.oldest())
	}
	g.ID, g.Home = c.Group, c.Home
	g.Refused++
	g.LastRefused = status.RefusedCommit{
		Time: now, Cluster: c.Cluster, Code: c.Code.String(), Reason: c.Why, Client: c.Client.Address, ClientID: c.Client.ID(),
	}
	r.of[c.Group] = g
}

// oldest is the group whose last refused commit is the longest ago. r.mu is held.
func (r *refusedCommits) oldest() (id string) {
	for other, g := range r.of {
		if id == "" || g.LastRefused.Time.Before(r.of[id].LastRefused.Time) {
			id = other
		}
	}
	return id
}

// all are copies of the groups, by id.
func (r *refusedCommits) all() map[string]*status.Group {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make(map[string]*status.Group, len(r.of))
	for id, g := range r.of {
		all[id] = &g
	}
	return all
}

// groups are the consumer groups that clients have to do with, those first that somebody should look at, and how many more there are.
func (f *Filter) groups() (list []status.Group, more int) {
	all, here := f.shared.refused.all(), map[string]bool{}
	for _, w := range f.allWorkers() {
		for _, m := range w.sessions.Memberships() {
			if all[m.Group] == nil {
				all[m.Group] = new(status.Group)
			}
			here[m.Group] = true
			addMembership(all[m.Group], &m)
		}
	}
	now := time.Now()
	for id, g := range all {
		if here[id] || now.Sub(g.LastRefused.Time) < refusedLately {
			list = append(list, *g)
		}
	}
	slices.SortFunc(list, byTrouble)
	kept := min(len(list), maxGroups)
	list, more = list[:kept], len(list)-kept
	ways := f.ways()
	for i := range list {
		for _, way := range ways[list[i].Home] {
			list[i].Coordinator = cmp.Or(list[i].Coordinator, way.Coordinator(list[i].ID))
		}
	}
	return list, more
}

// byTrouble orders groups: whose commits were refused last, then who rebalances most, then the largest.
func byTrouble(a, b status.Group) int {
	return cmp.Or(
		b.LastRefused.Time.Compare(a.LastRefused.Time), cmp.Compare(b.Rebalances, a.Rebalances), cmp.Compare(b.Members, a.Members), cmp.Compare(a.ID, b.ID),
	)
}

// addMembership adds what one client has to do with a group.
func addMembership(g *status.Group, m *broker.Membership) {
	g.ID, g.Home = m.Group, m.Home
	g.Rebalances = max(g.Rebalances, m.Rebalances)
	if m.Protocol != broker.NoProtocol {
		g.Protocol = status.GroupProtocol(m.Protocol)
		g.Members++
	}
	for _, cluster := range m.Commits {
		if at, there := slices.BinarySearch(g.Commits, cluster); !there {
			g.Commits = slices.Insert(g.Commits, at, cluster)
		}
	}
}

// throttled are those whom quotas hold back, most first, and how many more there are.
func (f *Filter) throttled() (list []status.Throttled, more int) {
	held, more := f.shared.quotas.Throttled(time.Now(), maxThrottled)
	for _, t := range held {
		s := status.Throttled{
			Rule: t.Rule, Principal: t.Principal, Since: t.Since, Share: t.Share, WaitMillis: t.Left.Milliseconds(),
		}
		for _, kind := range t.Kinds {
			s.Limits = append(s.Limits, kind.String())
		}
		list = append(list, s)
	}
	return list, more
}
