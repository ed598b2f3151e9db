package simulation

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/config"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/loop"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/upstreamtest"
)

// replicas is how many proxies there are in a run with groups; members go from one to the other.
const replicas = 2

// GroupResult is what came of one run with groups.
type GroupResult struct {
	Seed     uint64
	Schedule string
	// Wrong is what may not be, with this seed or any.
	Wrong []string
	// Commits is how many offsets clusters took, Elsewhere those of classic groups on another cluster than their home.
	Commits, Elsewhere int
	// Late is how many of those came when their member had been excluded at home, and Latest how much later at most.
	Late   int
	Latest time.Duration
	// Back is how often an offset went back for a reason that is known.
	Back int
	// Unchecked are the times between the check of a commit at home, where that was a commit, and the rest of it elsewhere.
	Unchecked []time.Duration
	// Trace is what happened, if that was asked for.
	Trace []string
}

// groupWorld is one run with groups.
type groupWorld struct {
	line         *timeline
	rnd          *rand.Rand
	config       *config.Config
	clusters     map[string]*upstreamtest.Cluster
	coordinators map[string]*coordinator
	replicas     []*replica
	names        []string // of groups
	members      []*member
	made         int
	distance     time.Duration
	slowest      time.Duration // that a check's answer and the commit may have been on their way for, in all

	healed   bool
	healedAt time.Duration
	kept     map[groupSpot]bool        // that was committed since
	owners   map[generationSpot]string // by whom a partition was owned
	owns     map[groupSpot]*member     // by whom it is, in groups of the new protocol
	wrong    []string
}

type groupSpot struct {
	group string
	spot  topicPart
}

type generationSpot struct {
	groupSpot

	generation int32
}

// replica is one proxy.
type replica struct {
	mesh  *mesh
	loops []*loop.Loop
}

// RunGroups plays the run of a seed with groups. It has to be called in a synctest bubble.
func (cs Configs) RunGroups(seed uint64, traced bool) GroupResult {
	rnd := rand.New(rand.NewPCG(seed, 6))
	w := &groupWorld{
		line: newTimeline(), rnd: rnd, config: cs[rnd.IntN(len(cs))].config, clusters: map[string]*upstreamtest.Cluster{},
		coordinators: map[string]*coordinator{}, kept: map[groupSpot]bool{}, owners: map[generationSpot]string{}, owns: map[groupSpot]*member{},
		distance: exponential(rnd, pick(rnd, time.Millisecond/4, 2*time.Millisecond, 15*time.Millisecond)),
	}
	r := GroupResult{Seed: seed}
	if traced {
		w.line.told = &r.Trace
	}
	w.build(seed%2 == 0)
	mishaps := w.mishaps()
	r.Schedule = w.plan(mishaps)
	end := time.Duration(0)
	for _, m := range mishaps {
		end = max(end, m.at+m.lasts)
	}
	w.line.after(end+time.Millisecond, w.heal)
	w.line.run(end+grace, func() bool { return w.healed && w.quiet() })
	if !w.quiet() {
		w.wrong = append(w.wrong, "groups do not come to rest: "+w.unrest()+w.views())
	}
	for _, c := range w.coordinators {
		c.mu.Lock()
		for _, m := range c.foreign {
			w.wrong = append(w.wrong, m+" is fenced by "+c.name+" for what it owns of another cluster's topic")
		}
		c.mu.Unlock()
	}
	w.close()
	w.judge(&r)
	return r
}

// build makes clusters, proxies and members.
func (w *groupWorld) build(loops bool) {
	for _, name := range []string{"c1", "c2"} {
		c := upstreamtest.New(brokers)
		w.clusters[name] = c
		c.CreateTopic(topics()[name], 1, 2, 3)
		c.DelayDials(w.distance)
		for id := range int32(brokers) {
			w.calm(name, id+1)
		}
		w.coordinators[name] = coordinate(w.line, name, c)
	}
	for range replicas {
		w.replicas = append(w.replicas, w.replica(loops))
	}
	w.names = pick(w.rnd, []string{"old-a"}, []string{newProtocol + "a"}, []string{"old-a", newProtocol + "a"})
	for _, group := range w.names {
		for _, name := range []string{home, other} {
			w.coordinators[name].move(group, int32(1+w.rnd.IntN(brokers)))
		}
		for range 1 + w.rnd.IntN(3) {
			w.enter(group)
		}
	}
}

// replica starts a proxy.
func (w *groupWorld) replica(loops bool) *replica {
	r := new(replica)
	if loops {
		for range workers {
			r.loops = append(r.loops, loop.New(func(reason any, _ []byte) { panic(reason) }))
		}
	}
	f := newFilter(w.config, w.clusters, stats.New(filter.Metrics(w.config)), r.loops)
	r.mesh = &mesh{line: w.line, filter: f, rnd: w.rnd, workers: map[endpoint]int{}}
	return r
}

// stop ends a proxy.
func (r *replica) stop() {
	r.mesh.close()
	r.mesh.filter.Close()
}

// restart ends a proxy, and starts another in its place.
func (w *groupWorld) restart(at int) {
	old := w.replicas[at]
	w.replicas[at] = w.replica(len(old.loops) > 0)
	old.stop()
	for _, t := range old.mesh.tubes {
		t.client.lost(t.link)
	}
	w.line.after(settling, func() {
		for _, l := range old.loops {
			l.Close()
		}
	})
}

// enter has another member join a group.
func (w *groupWorld) enter(group string) {
	w.made++
	m := &member{
		name: fmt.Sprintf("member%d", w.made), group: group, world: w, at: w.rnd.IntN(replicas), as: claim{"", -1},
		rnd:  rand.New(rand.NewPCG(w.rnd.Uint64(), 7)),
		away: exponential(w.rnd, pick(w.rnd, time.Millisecond, 5*time.Millisecond, 40*time.Millisecond)),
	}
	if isNew(group) {
		m.as = claim{"made-by-" + m.name, 0}
		m.life = &consumerLife{member: m}
	} else {
		m.life = &classicLife{member: m}
	}
	w.members = append(w.members, m)
	m.begin()
}

// alive are the members of a group that have not ended.
func (w *groupWorld) alive(group string) []*member {
	return slices.DeleteFunc(slices.Clone(w.members), func(m *member) bool { return m.over || m.group != group })
}

func (w *groupWorld) calm(cluster string, id int32) {
	w.clusters[cluster].Delay(id, w.distance/2, w.distance/2)
}

// home is the cluster where groups are, and other the one where they are not.
const home, other = "c1", "c2"

func (w *groupWorld) offsetsOf(s topicPart) *offsets {
	return w.coordinators[clusterOf(s.topic)].offsets
}

func (w *groupWorld) topicID(topic string) [16]byte {
	return w.clusters[clusterOf(topic)].TopicID(topic)
}

// close ends everything, so that no goroutine is left.
func (w *groupWorld) close() {
	for _, m := range w.members {
		m.end(false)
	}
	for _, c := range w.coordinators {
		c.close()
	}
	for _, r := range w.replicas {
		r.stop()
	}
	for _, c := range w.clusters {
		c.DelayDials(0)
		for id := range int32(brokers) {
			c.Down(id+1, true)
		}
	}
	w.line.run(w.line.now()+2*settling, func() bool { return false })
	for _, r := range w.replicas {
		for _, l := range r.loops {
			l.Close()
		}
	}
}

// isNew says whether a group is one of the new protocol.
func isNew(group string) bool { return strings.HasPrefix(group, newProtocol) }
