package groups

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// newProtocol is what franz-go needs to be a member of a group of the new protocol (KIP-848).
func newProtocol() []kgo.Opt {
	return []kgo.Opt{kgo.ServerSideBalancer(), kgo.Balancers(kgo.StickyBalancer())}
}

// partitions are those that a reader has, in order.
func (r *reader) partitions() (all []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for topic, has := range r.has {
		for p := range has {
			all = append(all, fmt.Sprint(topic, "/", p))
		}
	}
	slices.Sort(all)
	return all
}

// awaitShares waits until two readers have half of both topics' four partitions each; of each topic, if each cluster is to assign its own.
func awaitShares(t *testing.T, ofEach bool, readers ...*reader) {
	t.Helper()
	stack.Check(t, stack.Await(t.Context(), "both to have partitions of both", func() error {
		all := map[string]bool{}
		for _, r := range readers {
			has, apples := r.partitions(), 0
			for _, p := range has {
				if all[p] = true; strings.HasPrefix(p, "apples") {
					apples++
				}
			}
			if len(has) != 4 || ofEach && apples != 2 {
				return fmt.Errorf("one has %v", has)
			}
		}
		if len(all) != 8 {
			return fmt.Errorf("they have %v together", all)
		}
		return nil
	}))
}

func awaitRecords(t *testing.T, want int, readers ...*reader) {
	t.Helper()
	stack.Check(t, stack.Await(t.Context(), "all records", func() error {
		if records, _ := sum(readers...); records < want {
			return fmt.Errorf("%d of %d records", records, want)
		}
		return nil
	}))
}

// clientIDs are what the members of a group of the new protocol call themselves, as whoever is asked says.
func clientIDs(t *testing.T, client *kgo.Client, group string) []string {
	t.Helper()
	r := kmsg.NewPtrConsumerGroupDescribeRequest()
	r.Groups = []string{group}
	ids := map[string]bool{}
	for _, m := range ask(t, client, r).Groups[0].Members {
		ids[m.ClientID] = true
	}
	return slices.Sorted(maps.Keys(ids))
}

// Two members of the new protocol share the partitions of two clusters, under their own names. A mesh that is killed and replaced moves no
// partition.
func TestNewProtocolOverTwoClusters(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	apples, bananas := w.topics(t, "new", 4)
	const group, each = "group-new", 500
	var readers []*reader
	for _, id := range []string{"one", "two"} {
		readers = append(readers, startReader(t, w, group, []string{apples, bananas}, append(newProtocol(), kgo.ClientID(id))...))
	}
	awaitShares(t, true, readers...)
	write(t, w, 0, each, apples, bananas)
	awaitRecords(t, 2*each, readers...)
	home, err := w.home.Client()
	stack.Check(t, err)
	defer home.Close()
	another, err := w.another.Client()
	stack.Check(t, err)
	defer another.Close()
	for name, client := range map[string]*kgo.Client{"the mesh": stack.Client(t, w.mesh.Addr), "the home": home, "the other": another} {
		if diff := cmp.Diff([]string{"one", "two"}, clientIDs(t, client, group)); diff != "" {
			t.Errorf("members by what %s says (-want +got):\n%s", name, diff)
		}
	}
	before := readers[0].rebalances() + readers[1].rebalances()
	w.replace(t)
	write(t, w, each, each, apples, bananas)
	awaitRecords(t, 4*each, readers...)
	if after := readers[0].rebalances() + readers[1].rebalances(); after != before {
		t.Errorf("partitions moved %d times when the mesh was replaced", after-before)
	}
	for _, r := range readers {
		r.mu.Lock()
		if len(r.failed) > 0 {
			t.Logf("commits failed, when the mesh was killed: %v", r.failed)
		}
		r.mu.Unlock()
	}
}

// leave has a static member of the new protocol leave for a while, and returns what is said of it. An instance is to be said.
func leave(t *testing.T, client *kgo.Client, group, member string, instance *string) string {
	t.Helper()
	r := kmsg.NewPtrConsumerGroupHeartbeatRequest()
	r.Group, r.MemberID, r.MemberEpoch, r.InstanceID, r.RebalanceTimeoutMillis = group, member, -2, instance, -1
	r.SubscribedTopicNames, r.Topics = nil, nil
	if err := kerr.TypedErrorForCode(ask(t, client, r).ErrorCode); err != nil {
		return err.Message
	}
	return "NONE"
}

// leaveWell has a member of the new protocol that has ended leave for a while: franz-go does not say its instance then, which is refused, by
// brokers and by the mesh, so that its place would be kept from whoever comes back until its session is over.
func leaveWell(t *testing.T, w *world, group, member, instance string) {
	t.Helper()
	home, err := w.home.Client()
	stack.Check(t, err)
	defer home.Close()
	mesh := stack.Client(t, w.mesh.Addr)
	for name, client := range map[string]*kgo.Client{"the home": home, "the mesh": mesh} {
		if got := leave(t, client, group, member, nil); got != "INVALID_REQUEST" {
			t.Errorf("%s says %s to who leaves for a while without its instance, want INVALID_REQUEST", name, got)
		}
	}
	if got := leave(t, mesh, group, member, &instance); got != "NONE" {
		t.Errorf("who leaves for a while is told %s, want NONE", got)
	}
}

// A static member that goes and comes back has the partitions that it had, and nobody else is disturbed, by either protocol.
func TestStaticMembers(t *testing.T) {
	t.Parallel()
	for name, opts := range map[string][]kgo.Opt{"classic": nil, "consumer": newProtocol()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			apples, bananas := w.topics(t, "static-"+name, 4)
			group := "group-static-" + name
			start := func(instance string) *reader {
				return startReader(t, w, group, []string{apples, bananas}, append(slices.Clone(opts), kgo.InstanceID(instance))...)
			}
			one, two := start("one"), start("two")
			awaitShares(t, name == "consumer", one, two)
			write(t, w, 0, 100, apples, bananas)
			awaitRecords(t, 200, one, two)
			had, undisturbed := one.partitions(), two.rebalances()
			member, _ := one.client.GroupMetadata()
			one.end()
			if name == "consumer" {
				leaveWell(t, w, group, member, "one")
			}
			write(t, w, 100, 100, apples, bananas)
			again := start("one")
			stack.Check(t, stack.Await(t.Context(), "it to have what it had", func() error {
				if diff := cmp.Diff(had, again.partitions()); diff != "" {
					return fmt.Errorf("(-had +has):\n%s", diff)
				}
				return nil
			}))
			awaitRecords(t, 400, one, two, again)
			if n := two.rebalances() - undisturbed; n != 0 {
				t.Errorf("the other was disturbed %d times", n)
			}
		})
	}
}

// A group whose members are of the classic protocol takes none of the new one that read topics of another cluster than its home. When they have
// left it does. Members of the classic protocol cannot commit then where the others are.
func TestProtocolsOfOneGroup(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	apples, bananas := w.topics(t, "both", 1)
	client := stack.Client(t, w.mesh.Addr)
	m := newMember(t, client, "group-both")
	join := func(id string, topics ...string) *kmsg.ConsumerGroupHeartbeatResponse {
		t.Helper()
		r := kmsg.NewPtrConsumerGroupHeartbeatRequest()
		r.Group, r.MemberID, r.RebalanceTimeoutMillis, r.SubscribedTopicNames = m.group, id, 60_000, topics
		r.Topics = []kmsg.ConsumerGroupHeartbeatRequestTopic{}
		return ask(t, client, r)
	}
	for _, topics := range [][]string{{apples, bananas}, {bananas}} {
		said := join("a-member-of-22-letters", topics...)
		if said.ErrorCode != kerr.GroupIDNotFound.Code || !strings.Contains(*said.ErrorMessage, `has members with group.protocol=classic on cluster kafka_c1`) {
			t.Errorf("who joins for %v is told %+v, want GROUP_ID_NOT_FOUND and why", topics, said)
		}
	}
	leave := kmsg.NewPtrLeaveGroupRequest()
	leave.Group, leave.MemberID, leave.Members = m.group, m.id, []kmsg.LeaveGroupRequestMember{{MemberID: m.id}}
	stack.Check(t, kerr.ErrorForCode(ask(t, client, leave).ErrorCode))
	stack.Check(t, stack.Await(t.Context(), "what was said of the members to be forgotten", func() error {
		return kerr.ErrorForCode(join("a-member-of-22-letters", bananas).ErrorCode)
	}))
	classic := newMember(t, client, m.group)
	if got := classic.commit(5, bananas); got[bananas] != "GROUP_AUTHORIZATION_FAILED" {
		t.Errorf("a member of the classic protocol commits where the group has members of the new one: %v, want GROUP_AUTHORIZATION_FAILED", got)
	}
}
