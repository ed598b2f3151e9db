package chaos

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/test/ledger"
)

const crew = 2 // members of each group

// consumers are libraries whose members each load has groups of.
var consumers = []string{"java", "confluent-kafka", "franz-go"}

// second is the prefix of the groups whose home is the second cluster; others live on the first.
const second = "second-"

// read makes the groups and has their members join.
func (t *trial) read(ctx context.Context) error {
	for _, library := range consumers {
		for _, direct := range []bool{false, true} {
			id := groupID{name: fmt.Sprintf("%s-mesh-%d", library, trials), library: library, topics: t.topics[:2]}
			switch {
			case direct:
				id.name, id.direct, id.topics = fmt.Sprintf("%s-direct-%d", library, trials), true, t.topics[2:3]
			case library == "franz-go":
				id.name = second + id.name
			}
			t.groups = append(t.groups, newGroup(id))
		}
	}
	for _, g := range t.groups {
		for n := range crew {
			if err := t.enter(g.join(n + 1)); err != nil {
				return err
			}
		}
	}
	ok := t.until(ctx, patience, func() bool {
		return !slices.ContainsFunc(t.groups, func(g *group) bool { return !g.stable() })
	})
	if !ok {
		return errors.New("groups do not become stable: " + t.states())
	}
	for _, g := range t.groups {
		w, err := t.watch(g)
		if err != nil {
			return err
		}
		t.watchers = append(t.watchers, w)
	}
	return nil
}

// enter has a member join its group.
func (t *trial) enter(m *member) error {
	bootstrap := t.front.addr()
	if m.group.direct {
		bootstrap = t.bootstrap("c1")
	}
	if err := t.clients[m.group.library].join(m, bootstrap); err != nil {
		return err
	}
	m.started = true
	return nil
}

// leave has a member leave its group, if it has joined and has not left.
func (t *trial) leave(m *member) error {
	if !m.started || m.left {
		return nil
	}
	m.left = true
	return t.clients[m.group.library].leave(m)
}

// gone waits until a member has left.
func (m *member) gone(ctx context.Context) error {
	if !m.started {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	select {
	case <-m.ended:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%s has not left in %s", m.name, patience)
	}
}

// states says in words how far the groups are.
func (t *trial) states() string {
	var said []string
	for _, g := range t.groups {
		for _, m := range g.members {
			g.mu.Lock()
			said = append(said, fmt.Sprintf("%s was told its partitions %d times", m.name, m.assigned))
			g.mu.Unlock()
		}
	}
	return strings.Join(said, ", ")
}

// measure begins to measure what the groups' members notice of the fault, or ends that.
func (t *trial) measure(on bool) {
	for _, g := range t.groups {
		g.measure(on)
	}
}

// readOn waits until each group has been given so many records more of each topic. Where the direct group of a library is not, the one
// through the mesh need not be.
func (t *trial) readOn(ctx context.Context, more int) error {
	type from struct {
		group *group
		topic string
	}
	before := map[from]int{}
	for _, g := range t.groups {
		for _, tp := range g.topics {
			before[from{g, tp.name}] = g.count(tp.name)
		}
	}
	late := map[string]bool{}
	ok := t.until(ctx, patience, func() bool {
		clear(late)
		for f, n := range before {
			if f.group.count(f.topic) < n+more {
				late[fmt.Sprintf("%s %s", f.group.name, f.topic)] = true
			}
		}
		return len(late) == 0
	})
	if ok {
		return nil
	}
	var said []string
	for _, g := range t.groups {
		excused := slices.ContainsFunc(t.groups, func(o *group) bool {
			return o.direct && o.library == g.library && late[o.name+" "+o.topics[0].name]
		})
		for _, tp := range g.topics {
			if late[g.name+" "+tp.name] && !excused {
				said = append(said, g.name+" of "+tp.name)
			}
		}
	}
	if len(said) == 0 {
		return nil
	}
	return fmt.Errorf("not given %d more in %s: %s", more, patience, strings.Join(said, ", "))
}

// within are those of a log: some producers go on when it has been read.
func within(given []ledger.Delivery, l ledger.Log) []ledger.Delivery {
	end := int64(-1)
	if n := len(l.Records); n > 0 {
		end = l.Records[n-1].Offset
	}
	return slices.DeleteFunc(slices.Clone(given), func(d ledger.Delivery) bool { return d.Offset > end })
}

// readOut waits until each group has been given all that there is, and has committed it. What it waits for in vain is not its to judge.
func (t *trial) readOut(ctx context.Context, logs []ledger.Log) {
	all := func(of func(g *group, l ledger.Log) bool) func() bool {
		return func() bool {
			for _, g := range t.groups {
				for _, l := range logs {
					if g.place(l.Place.Topic, 0).Cluster != "" && len(l.Records) > 0 && !t.remade(l.Place.Topic) && !of(g, l) {
						return false
					}
				}
			}
			return true
		}
	}
	if !t.until(ctx, patience, all((*group).through)) {
		t.note("not all groups were given all that there is in %s", patience)
		return
	}
	if !t.until(ctx, patience, all(func(g *group, l ledger.Log) bool {
		return g.lastTold(l.Place) > l.Records[len(l.Records)-1].Offset
	})) {
		t.note("not all groups committed all that they were given in %s", patience)
	}
}

// through reports whether the members were given the last of a log's records.
func (g *group) through(l ledger.Log) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	end := l.Records[len(l.Records)-1].Offset
	given := g.given[l.Place]
	return slices.ContainsFunc(given, func(d ledger.Delivery) bool { return d.Offset >= end })
}

// dismiss has all members leave, and nobody look any more.
func (t *trial) dismiss(ctx context.Context) error {
	var errs []error
	for _, w := range t.watchers {
		w.end()
	}
	for _, g := range t.groups {
		for _, m := range g.members {
			errs = append(errs, t.leave(m))
		}
	}
	for _, g := range t.groups {
		for _, m := range g.members {
			errs = append(errs, m.gone(ctx))
		}
	}
	return errors.Join(errs...)
}

// home is the cluster where a group through the mesh is, and away the other.
func (g *group) home() string {
	if strings.HasPrefix(g.name, second) {
		return "c2"
	}
	return "c1"
}

func (g *group) away() string {
	if g.home() == "c2" {
		return "c1"
	}
	return "c2"
}

// remade reports whether a topic was deleted and made again.
func (t *trial) remade(name string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.ContainsFunc(t.topics, func(tp topic) bool { return tp.name == name && tp.remade })
}

// judge says what the groups were given and what was committed.
func (t *trial) judge(ctx context.Context, r *result, logs []ledger.Log) error {
	offsets := map[string]*offsetsLog{}
	for _, cluster := range []string{"c1", "c2"} {
		read, err := readOffsets(ctx, t.brokers(cluster), cluster)
		if err != nil {
			return err
		}
		offsets[cluster] = read
	}
	for _, g := range t.groups {
		side := &r.read[fromMesh]
		if g.direct {
			side = &r.read[fromCluster]
		}
		var readers []ledger.Reader
		g.mu.Lock()
		for _, l := range logs {
			if g.place(l.Place.Topic, 0).Cluster != "" && !t.remade(l.Place.Topic) {
				readers = append(readers, ledger.Reader{Name: g.name, Place: l.Place, Given: within(g.given[l.Place], l)})
			}
		}
		back := slices.Clone(g.setBack)
		mine := reading{failed: g.failed, silence: g.silence[g.topics[0].name].Round(100 * time.Millisecond)}
		for _, m := range g.members {
			mine.rebalances = max(mine.rebalances, m.rebalances)
		}
		for _, n := range g.records {
			mine.given += n
		}
		g.mu.Unlock()
		report := ledger.CheckReaders(readers, logs)
		for _, reader := range readers {
			mine.again += reader.Again()
		}
		mine.skipped, mine.wrong = report.Count(ledger.Skipped), len(report)-report.Count(ledger.Skipped)
		for _, cluster := range offsets {
			back = append(back, cluster.back[g.name]...)
		}
		mine.setBack = len(back)
		for _, w := range t.watchers {
			if w.group == g {
				mine.looks, back = w.seen, append(back, w.words...)
			}
		}
		if !g.direct {
			r.windows = append(r.windows, windows(offsets[g.home()], offsets[g.away()], g.name)...)
		}
		side.add(mine)
		r.say(g, mine, report, back)
	}
	r.sayWindows()
	return nil
}
