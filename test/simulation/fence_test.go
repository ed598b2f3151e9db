package simulation_test

import (
	"regexp"
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/test/overlay"
)

// seedsWithout is how many seeds at most it takes to see that order is not kept.
const seedsWithout = "2000"

// TestWithoutOrder takes out what keeps order, one thing at a time, and has the simulation find that within a few seeds. A simulation
// that finds nothing proves something only if it would have found this.
func TestWithoutOrder(t *testing.T) {
	t.Parallel()
	const stop = "if b != nil {\n\t\treturn false\n\t}"
	for _, w := range []without{
		{"the fence", "../../filter/order/fences.go", "func (f *Fences) Refuses(", stop},
		{"the hold behind the first batch", "../../filter/upstream/produce/partition.go", "func (p *Pool) hold(", stop},
		{"the answer to what a broker finds out of order", "../../filter/order/fences.go", "func (f *Fences) Behind(", stop},
	} {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			w.finds(t, "TestSimulation", "SEEDS="+seedsWithout, "mesh")
		})
	}
}

// TestWithoutReading does the same with what readers need.
func TestWithoutReading(t *testing.T) {
	t.Parallel()
	for _, w := range []without{
		{
			"a look at the offset of a poll that is adopted", "../../filter/upstream/fetch/partition.go", "func (p *partition) isFor(",
			"a.Offset = p.asked.Offset",
		},
		{"doubt about a leader", "../../filter/upstream/fetch/poll.go", "func isDoubtful(", "if c != wire.None {\n\t\treturn false\n\t}"},
		{"what changes in a client's session", "../../filter/broker/fetch_session.go", "func (s *fetchSession) update(", "r.Topics = nil"},
		{
			"errors in a session's answers", "../../filter/broker/fetch_session.go", "func (p *sessionPartition) tell(",
			"if f.Code != wire.None {\n\t\treturn false\n\t}",
		},
		{
			"what changes in a session with a broker", "../../filter/upstream/fetch/session.go", "func (s *session) goOn(",
			"for i := range r.Topics {\n\t\tfor _, p := range r.Topics[i].Partitions {\n\t\t\t" +
				"if known := s.spots[key(topic{r.Topics[i].Name, r.Topics[i].ID}, p.Partition, s.byID)]; known != nil {\n\t\t\t\tknown.said = p\n\t\t\t}\n\t\t}\n\t}",
		},
		{"a look at where brokers are", "../../filter/upstream/fetch/line.go", "func (p *Polls) leaveMoved(", "if p != nil {\n\t\treturn\n\t}"},
	} {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			w.finds(t, "TestReading", "READ_SEEDS="+seedsWithout, "read")
		})
	}
}

// TestWithoutGroups does the same with what groups need.
func TestWithoutGroups(t *testing.T) {
	t.Parallel()
	for _, w := range []without{
		{
			"the check at a group's home", "../../filter/broker/fence.go", "func (f *fence) check(",
			"if f != nil {\n\t\tthen(wire.None, time.Now())\n\t\treturn\n\t}",
		},
		{"the look at how old a check is", "../../filter/broker/fence.go", "func (l *lateness) still(", "if l != nil {\n\t\treturn true\n\t}"},
		{
			"the home's part before the others'", "../../filter/broker/08_offset_commit.go", "func (o *commitCall) start(",
			"for _, name := range o.clusters {\n\t\tif name != home {\n\t\t\to.commit(name, time.Now(), 1, oldCommit)\n\t\t}\n\t}",
		},
		{
			"the error for want of offsets", "../../filter/broker/09_offset_fetch.go", "func (g *groupOffsets) fail(",
			"if g != nil {\n\t\tfor i := range g.topics {\n\t\t\tnone(&g.topics[i])\n\t\t}\n\t\treturn\n\t}",
		},
		{
			"each cluster's own epoch in a commit", "../../filter/broker/member_offsets.go", "func (o *commitCall) commitAsMember(",
			"epochs = nil",
		},
		{
			"what a cluster has not heard", "../../filter/groups/beat.go", "func (b *Beat) goOn(",
			"{\n\t\ts := b.member.Stakes[cluster]\n\t\ts.Unheard = false\n\t\tb.member.Stakes[cluster] = s\n\t}",
		},
		{
			"a look at whose topic it is that a member owns", "../../filter/groups/beat.go", "func (b *Beat) owned(",
			"if said := b.member.Owned; said != nil {\n\t\tall := []kmsg.ConsumerGroupHeartbeatRequestTopic{}\n\t\tfor _, a := range said {\n" +
				"\t\t\tall = append(all, kmsg.ConsumerGroupHeartbeatRequestTopic{TopicID: a.Topic, Partitions: a.Partitions})\n\t\t}\n\t\treturn all\n\t}",
		},
	} {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			w.finds(t, "TestGroups", "GROUP_SEEDS="+seedsWithout, "groups")
		})
	}
}

// without is something taken out: statement comes first in a function.
type without struct{ name, file, function, statement string }

// finds wants a test of seeds to fail.
func (w without) finds(t *testing.T, test, seeds, way string) {
	t.Helper()
	changed := overlay.New(t)
	changed.Insert(w.file, w.function, "\t"+w.statement)
	out, err := changed.Test([]string{seeds, "SEED="}, "-run", "^"+test+"$", ".")
	found := regexp.MustCompile(way + `, seed \d+: .*`).FindString(out)
	if err == nil || found == "" {
		t.Fatalf("without %s %s seeds find nothing: %v\n%s", w.name, seedsWithout, err, out)
	}
	t.Logf("without %s: %s", w.name, found)
}
