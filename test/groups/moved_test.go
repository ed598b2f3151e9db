package groups

import (
	"fmt"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// A group whose topics are all at its home is moved to the new protocol one member at a time, and back, through the mesh as with its cluster
// itself: the members share the partitions after each step, all records are read, and what was read is committed in the end.
func TestGroupThatIsMovedToAnotherProtocol(t *testing.T) {
	t.Parallel()
	for _, through := range []string{"kafka", "mesh"} {
		t.Run(through, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			apples, _ := w.topics(t, "moved-"+through, 4)
			group, addr := "group-moved-"+through, w.mesh.Addr
			if through == "kafka" {
				addr = w.home.Addr()
			}
			at := kgo.SeedBrokers(strings.Split(addr, ",")...)
			client := w.client(t, at, byName())
			defer client.Close()
			start := func(opts []kgo.Opt) *reader {
				return startReader(t, w, group, []string{apples}, append(opts, at)...)
			}
			members := []*reader{start(nil), start(nil)}
			all := append([]*reader{}, members...)
			const each = 100
			for step, next := range []struct {
				protocol []kgo.Opt
				kind     string // of the group, then
			}{{nil, "classic"}, {newProtocol(), "consumer"}, {newProtocol(), "consumer"}, {nil, "consumer"}, {nil, "classic"}} {
				if step > 0 {
					moved := &members[step%2]
					(*moved).end()
					*moved = start(next.protocol)
					all = append(all, *moved)
				}
				awaitHalves(t, members...)
				write(t, w, step*each, each, apples)
				awaitRecords(t, (step+1)*each, all...)
				if kind := kindOf(t, client, group); kind != next.kind {
					t.Errorf("after step %d the group is of type %q, want %q", step, kind, next.kind)
				}
			}
			awaitCommitted(t, client, group, apples, 5*each)
			for _, r := range all {
				if len(r.failed) > 0 {
					t.Logf("commits failed, while partitions moved: %v", r.failed)
				}
			}
		})
	}
}

// awaitHalves waits until two readers have half of a topic's four partitions each.
func awaitHalves(t *testing.T, readers ...*reader) {
	t.Helper()
	stack.Check(t, stack.Await(t.Context(), "both to have partitions", func() error {
		all := map[string]bool{}
		for _, r := range readers {
			has := r.partitions()
			for _, p := range has {
				all[p] = true
			}
			if len(has) != 2 {
				return fmt.Errorf("one has %v", has)
			}
		}
		if len(all) != 4 {
			return fmt.Errorf("they have %v together", all)
		}
		return nil
	}))
}

// awaitCommitted waits until so many records of a topic of four partitions are committed.
func awaitCommitted(t *testing.T, client *kgo.Client, group, topic string, want int64) {
	t.Helper()
	stack.Check(t, stack.Await(t.Context(), "all to be committed", func() error {
		committed := int64(0)
		for p := range int32(4) {
			committed += max(0, offsetIn(t, client, group, topic, p))
		}
		if committed != want {
			return fmt.Errorf("%d of %d are", committed, want)
		}
		return nil
	}))
}

// kindOf is the type of a group, as it is listed.
func kindOf(t *testing.T, client *kgo.Client, group string) string {
	t.Helper()
	for _, g := range ask(t, client, kmsg.NewPtrListGroupsRequest()).Groups {
		if g.Group == group {
			return g.GroupType
		}
	}
	return "none"
}
