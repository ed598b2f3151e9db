package matrix

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// way is a way from consumers to records.
type way struct {
	name string
	addr func(s *stocked) string
	two  bool // whether a subscription has topics of both clusters
}

// everyWay are all of them.
func everyWay() []way {
	kafka := func(s *stocked) string { return s.clusters[0].Nodes[0].Addr() }
	envoy := func(s *stocked) string { return s.envoyMesh.Addr }
	plain := func(s *stocked) string { return s.plainMesh.Addr }
	return []way{
		{directly, kafka, false},
		{"Envoy, one cluster", envoy, false},
		{"Envoy, two clusters", envoy, true},
		{"plain binary, one cluster", plain, false},
		{"plain binary, two clusters", plain, true},
	}
}

// The names of tasks.
const (
	inGroup = "in a group"
	again   = "again"
	alone   = "without a group"
)

// directly is the name of the way that proves the check and the client: what fails there is no fault of the mesh.
const directly = "directly"

// task is what a consumer is to do in one of its jobs.
type task struct {
	name   string // what it shows
	mode   string // as the programs take it
	topics []string
	fresh  []string // the topics whose records are to be read: the others have been read before
	count  int      // of each of these topics
}

// TestConsumers has each client read what is stocked: in a group, in the same group again when there is more, and without a group.
// Each record is read once, in order, as it is stored.
func TestConsumers(t *testing.T) {
	t.Parallel()
	s := stockedClusters(t)
	for _, c := range consumers() {
		if c.older && !full() {
			continue
		}
		t.Run(c.id(), func(t *testing.T) {
			t.Parallel()
			good := map[string]int{} // on how many ways a task went well
			for _, w := range c.ways() {
				t.Run(w.name, func(t *testing.T) { c.consume(t, s, w, good) })
			}
			if full() {
				results.add(consumed(kafkaVersion()), c.line(good))
			}
		})
	}
}

// ways are those that the client is tried on: without MATRIX=full those that are hardest.
func (c *consumer) ways() []way {
	return slices.DeleteFunc(everyWay(), func(w way) bool {
		return !full() && !w.two || w.name == directly && c.needsKafka4 && kafkaVersion() == olderKafka
	})
}

// tasks are what the client does on a way, in this order.
func (c *consumer) tasks(w way) []task {
	var topics, more []string
	for cluster := range prefixes {
		if cluster > 0 && !w.two {
			continue
		}
		more = append(more, moreOf(cluster))
		for _, codec := range append([]string{"none"}, c.codecs...) {
			topics = append(topics, stockOf(cluster, codec))
		}
	}
	list := []task{
		{inGroup, "group", topics, topics, perTopic},
		{again, "group", slices.Concat(topics, more), more, perMore},
	}
	if !c.groupsOnly {
		list = append(list, task{alone, "assign", topics, topics, perTopic})
	}
	return list
}

// consume has the client do its tasks on a way, and counts those that went well.
func (c *consumer) consume(t *testing.T, s *stocked, w way, good map[string]int) {
	t.Helper()
	args := []string{w.addr(s)}
	group := strings.NewReplacer(" ", "-", ",", "").Replace(c.id() + "-" + w.name)
	tasks := c.tasks(w)
	for _, one := range tasks {
		args = append(args, fmt.Sprintf("%s/%s/%s/%d", one.mode, group, strings.Join(one.topics, ","), one.count*len(one.fresh)))
	}
	start := time.Now()
	said := make([][]line, len(tasks))
	for text := range strings.Lines(output(t, &c.Program, c.id(), 0, args)) {
		var l line
		if err := json.Unmarshal([]byte(text), &l); err != nil || l.Job >= len(tasks) {
			t.Errorf("%s printed %q: %v", c.id(), text, err)
			continue
		}
		said[l.Job] = append(said[l.Job], l)
	}
	for i, one := range tasks {
		faults := one.faults(said[i], c.emptyNull)
		for _, fault := range faults {
			t.Errorf("%s: %s", one.name, fault)
		}
		if len(faults) == 0 {
			good[one.name]++
		}
	}
	t.Logf("%d ms", time.Since(start).Milliseconds())
}

// faults are what is wrong with what a consumer read, the first of each kind.
func (k *task) faults(said []line, emptyNull bool) []string {
	if len(said) == 0 {
		return []string{"it said nothing"}
	}
	end := said[len(said)-1]
	var content, order, twice string
	if end.Topic != "" {
		end.Error = "it did not say that it ended"
	}
	seen, last := map[line]bool{}, map[string]int{}
	for _, l := range said[:len(said)-1] {
		at := fmt.Sprintf("%s/%d", l.Topic, l.Partition)
		place := line{Topic: l.Topic, Partition: l.Partition, Offset: l.Offset}
		if seen[place] {
			keep(&twice, "%s@%d was read twice", at, l.Offset)
			continue
		}
		if before, read := last[at]; read && l.Offset < before {
			keep(&order, "%s@%d was read after %d", at, l.Offset, before)
		}
		seen[place], last[at] = true, l.Offset
		want := stockedLine(l.Topic, l.Offset*partitions+l.Partition, emptyNull)
		if want.Job = l.Job; !slices.Contains(k.fresh, l.Topic) || l.Offset*partitions+l.Partition >= k.count {
			keep(&content, "%s@%d was not to be read", at, l.Offset)
		} else if d := cmp.Diff(want, l); d != "" {
			keep(&content, "%s@%d (-stored +read):\n%s", at, l.Offset, d)
		}
	}
	if want := k.count * len(k.fresh); len(seen) != want {
		keep(&content, "%d of %d records", len(seen), want)
	}
	return slices.DeleteFunc([]string{end.Error, content, order, twice}, func(text string) bool { return text == "" })
}
