package filter_test

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/status"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/upstreamtest"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/test/bubble"
)

// Groups that clients have to do with are told of: who is a member, where they live and commit, and what was refused of their commits.
func TestGroupsAreKnown(t *testing.T) {
	t.Parallel()
	withGroups(t, func(m *mesh, home, _ *upstreamtest.Groups) {
		known := func() []status.Group { return m.filter.Clients().Groups }
		want := func(when string, groups ...status.Group) {
			t.Helper()
			times := cmpopts.IgnoreFields(status.RefusedCommit{}, "Time", "Client")
			coordinator := cmpopts.IgnoreFields(status.Group{}, "Coordinator")
			if diff := cmp.Diff(groups, known(), times, coordinator, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", when, diff)
			}
		}
		want("before anybody asks")
		one, two, watcher := m.member(), m.member(), m.member()
		one.beat()
		two.beat()
		wantCodes(t, "commit", one.commit(1, "apples"), wire.None)
		wantCodes(t, "commit", two.commit(1, "bananas"), wire.None)
		g := status.Group{ID: "g", Protocol: status.Classic, Home: "c1", Members: 2, Commits: []string{"c1", "c2"}}
		want("with two members", g)
		if _, port, err := net.SplitHostPort(known()[0].Coordinator); err != nil || port == "" {
			t.Errorf("coordinator %q, want an address", known()[0].Coordinator)
		}
		watcher.offsets("apples")
		want("when somebody reads the group's offsets", g)

		home.Member("g", "m", 2)
		wantCodes(t, "commit of an old generation", two.commit(2, "apples"), wire.IllegalGeneration)
		g.Refused, g.LastRefused = 1, status.RefusedCommit{Cluster: "c1", Code: "ILLEGAL_GENERATION", ClientID: "test"}
		want("after a commit was refused", g)

		home.Member("g", "m", 1)
		one.session.Closed()
		two.session.Closed()
		g.Protocol, g.Members, g.Commits = "", 0, nil
		want("when its members are gone", g)
		bubble.Advance(11 * time.Minute)
		want("later")
	})
}

// What is told of groups is bounded, and the rest counted, whatever clients call them.
func TestKnownGroupsAreBounded(t *testing.T) {
	t.Parallel()
	withGroups(t, func(m *mesh, _, _ *upstreamtest.Groups) {
		const connections, groups = 30, 6
		for i := range connections {
			c := m.member()
			for j := range groups {
				r := commitOf(1, "apples")
				r.Group, r.MemberID, r.Generation = fmt.Sprintf("refused-%d-%d", i, j), "nobody", 7
				ask[*kmsg.OffsetCommitResponse](c, wire.KeyOffsetCommit, 8, r)
				r.Group, r.MemberID, r.Generation = fmt.Sprintf("committed-%d-%d", i, j), "", -1
				ask[*kmsg.OffsetCommitResponse](c, wire.KeyOffsetCommit, 8, r)
			}
			bubble.Advance(time.Second)
		}
		c := m.filter.Clients()
		// Of 180 groups whose commits were refused a hundred are remembered, and of each connection four to which it has committed.
		if len(c.Groups) != 30 || c.MoreGroups != 100+4*connections-30 {
			t.Errorf("%d groups and %d more", len(c.Groups), c.MoreGroups)
		}
		if last := c.Groups[0]; !strings.HasPrefix(last.ID, "refused-29-") || last.Refused != 1 {
			t.Errorf("the first is %+v, want the one whose commit was refused last", last)
		}
	})
}

// Who is throttled is told of by rule and principal.
func TestThrottledAreKnown(t *testing.T) {
	t.Parallel()
	const rules = "quotas: {rules: [{name: all, principals: ['*'], requests_per_second: 1, burst_seconds: 1}]}\n"
	withMesh(t, twoClusters+rules, func(m *mesh) {
		c := m.connect()
		c.session.Data(produce(1, "apples"))
		c.session.Data(produce(2, "apples"))
		synctest.Wait()
		got := m.filter.Clients()
		want := []status.Throttled{{Rule: "all", Principal: "ANONYMOUS", Limits: []string{"requests"}, Share: 1, WaitMillis: 1000}}
		if diff := cmp.Diff(want, got.Throttled, cmpopts.IgnoreFields(status.Throttled{}, "Since")); diff != "" || got.MoreThrottled != 0 {
			t.Errorf("%d more; (-want +got):\n%s", got.MoreThrottled, diff)
		}
	})
}
