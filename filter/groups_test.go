package filter_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/upstreamtest"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire/wiretest"
	"github.com/kafkamesh/envoy-kafka-mesh/test/bubble"
)

// member is a member of the group g: m, of generation 1.
type member struct {
	*client

	sent int32
}

func (m *mesh) member() *member { return &member{client: m.connect()} }

// send sends a request.
func (c *member) send(key wire.APIKey, version int16, request kmsg.Request) {
	c.sent++
	c.session.Data(wiretest.Frame(key, version, c.sent, "test", request))
}

// ask sends a request and waits for its answer, for as long as it may take.
func ask[R kmsg.Response](c *member, key wire.APIKey, version int16, request kmsg.Request) R {
	c.t.Helper()
	c.send(key, version, request)
	begin := time.Now()
	for {
		if _, frames := c.answers(); len(frames) == int(c.sent) {
			_, r, err := wiretest.ParseResponse(key, version, frames[c.sent-1])
			if err != nil {
				c.t.Fatal(err)
			}
			return r.(R)
		}
		if bubble.Advance(100 * time.Millisecond); time.Since(begin) > time.Minute {
			c.t.Fatalf("%s is not answered", key)
		}
	}
}

func commitOf(offset int64, topics ...string) *kmsg.OffsetCommitRequest {
	r := kmsg.NewPtrOffsetCommitRequest()
	r.Group, r.MemberID, r.Generation = "g", "m", 1
	for _, topic := range topics {
		r.Topics = append(r.Topics, kmsg.OffsetCommitRequestTopic{Topic: topic, Partitions: []kmsg.OffsetCommitRequestTopicPartition{{Offset: offset}}})
	}
	return r
}

// commit commits an offset, and returns the codes in the order of the topics.
func (c *member) commit(offset int64, topics ...string) (codes []wire.ErrorCode) {
	c.t.Helper()
	for _, t := range ask[*kmsg.OffsetCommitResponse](c, wire.KeyOffsetCommit, 8, commitOf(offset, topics...)).Topics {
		codes = append(codes, wire.ErrorCode(t.Partitions[0].ErrorCode))
	}
	return codes
}

func (c *member) beat() wire.ErrorCode {
	c.t.Helper()
	r := &kmsg.HeartbeatRequest{Group: "g", MemberID: "m", Generation: 1}
	return wire.ErrorCode(ask[*kmsg.HeartbeatResponse](c, wire.KeyHeartbeat, 4, r).ErrorCode)
}

// offsets are the group's offsets, or its error.
func (c *member) offsets(topics ...string) (offsets []int64, code wire.ErrorCode) {
	c.t.Helper()
	r := kmsg.NewPtrOffsetFetchRequest()
	g := kmsg.NewOffsetFetchRequestGroup()
	g.Group = "g"
	for _, topic := range topics {
		g.Topics = append(g.Topics, kmsg.OffsetFetchRequestGroupTopic{Topic: topic, Partitions: []int32{0}})
	}
	r.Groups = append(r.Groups, g)
	said := ask[*kmsg.OffsetFetchResponse](c, wire.KeyOffsetFetch, 8, r).Groups[0]
	for _, t := range said.Topics {
		offsets = append(offsets, t.Partitions[0].Offset)
	}
	return offsets, wire.ErrorCode(said.ErrorCode)
}

// withGroups runs f with a mesh before clusters of three brokers, and with their groups: g has the member m at its home, c1.
func withGroups(t *testing.T, f func(m *mesh, home, other *upstreamtest.Groups)) {
	t.Helper()
	withMeshOf(t, twoClusters, 3, func(m *mesh) {
		home, other := m.c1.Groups(), m.c2.Groups()
		m.c1.Coordinate("g", 2)
		m.c2.Coordinate("g", 3)
		home.Member("g", "m", 1)
		f(m, home, other)
	})
}

func wantCodes(t *testing.T, what string, got []wire.ErrorCode, want ...wire.ErrorCode) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s: codes (-want +got):\n%s", what, diff)
	}
}

// Coordinators that move, on either cluster, are found again within the request.
func TestCoordinatorsMove(t *testing.T) {
	t.Parallel()
	withGroups(t, func(m *mesh, home, other *upstreamtest.Groups) {
		c := m.member()
		for i := range int32(6) {
			wantCodes(t, "commit", c.commit(int64(i), "apples", "bananas"), wire.None, wire.None)
			if got := c.beat(); got != wire.None {
				t.Errorf("heartbeat: %s", got)
			}
			if offsets, code := c.offsets("apples", "bananas"); code != wire.None || offsets[0] != int64(i) || offsets[1] != int64(i) {
				t.Errorf("offsets %v, %s; want %d of both", offsets, code, i)
			}
			m.c1.Coordinate("g", i%3+1)
			m.c2.Coordinate("g", (i+1)%3+1)
		}
		if a, b := home.Committed("g", "apples", 0), other.Committed("g", "bananas", 0); len(a) != 6 || len(b) != 6 {
			t.Errorf("committed %v and %v, want each once", a, b)
		}
	})
}

// A coordinator whose connections are lost is reached anew by what may be sent twice; the rest is told of.
func TestCoordinatorsAreLost(t *testing.T) {
	t.Parallel()
	withGroups(t, func(m *mesh, _, _ *upstreamtest.Groups) {
		c := m.member()
		wantCodes(t, "commit", c.commit(1, "apples", "bananas"), wire.None, wire.None)
		m.c1.CutNext(2, upstreamtest.CutHalfRead)
		if got := c.beat(); got != wire.None {
			t.Errorf("heartbeat: %s, want it to be sent again", got)
		}
		m.c2.CutNext(3, upstreamtest.CutHalfRead)
		wantCodes(t, "commit whose connection is cut", c.commit(2, "apples", "bananas"), wire.None, wire.CoordinatorNotAvailable)
		wantCodes(t, "commit", c.commit(3, "apples", "bananas"), wire.None, wire.None)
		m.c1.CutNext(2, upstreamtest.CutHalfRead)
		wantCodes(t, "commit whose home is cut", c.commit(4, "apples", "bananas"), wire.CoordinatorNotAvailable, wire.CoordinatorNotAvailable)
		if offsets, code := c.offsets("apples", "bananas"); code != wire.None || offsets[0] != 3 || offsets[1] != 3 {
			t.Errorf("offsets %v, %s; want 3 of both", offsets, code)
		}
	})
}

// A cluster that is down takes its own topics along, and no others.
func TestAClusterIsDown(t *testing.T) {
	t.Parallel()
	withGroups(t, func(m *mesh, home, other *upstreamtest.Groups) {
		c := m.member()
		wantCodes(t, "commit", c.commit(1, "apples", "bananas"), wire.None, wire.None)
		down := func(cluster *upstreamtest.Cluster, on bool) {
			for id := range int32(3) {
				cluster.Down(id+1, on)
			}
		}
		down(m.c2, true)
		wantCodes(t, "the other is down", c.commit(2, "apples", "bananas"), wire.None, wire.CoordinatorNotAvailable)
		if got := c.beat(); got != wire.None {
			t.Errorf("the other is down: heartbeat %s", got)
		}
		if _, code := c.offsets("apples", "bananas"); code != wire.CoordinatorNotAvailable {
			t.Errorf("the other is down: offsets of both %s, want COORDINATOR_NOT_AVAILABLE", code)
		}
		if offsets, code := c.offsets("apples"); code != wire.None || offsets[0] != 2 {
			t.Errorf("the other is down: the home's offset %v, %s; want 2", offsets, code)
		}
		down(m.c2, false)
		down(m.c1, true)
		wantCodes(t, "the home is down", c.commit(3, "apples", "bananas"), wire.CoordinatorNotAvailable, wire.CoordinatorNotAvailable)
		if got := c.beat(); got != wire.CoordinatorNotAvailable {
			t.Errorf("the home is down: heartbeat %s", got)
		}
		down(m.c1, false)
		begin := time.Now()
		for time.Since(begin) < time.Minute {
			if codes := c.commit(4, "apples", "bananas"); codes[0] == wire.None && codes[1] == wire.None {
				break
			}
			bubble.Advance(time.Second)
		}
		if a, b := home.Committed("g", "apples", 0), other.Committed("g", "bananas", 0); a[len(a)-1] != 4 || b[len(b)-1] != 4 {
			t.Errorf("all are back: committed %v and %v, want 4 in the end", a, b)
		}
	})
}

// A commit that could not be sent soon after its check is checked again, and not sent if its member is one no more by then.
func TestCommitsAreCheckedAgain(t *testing.T) {
	t.Parallel()
	for _, kicked := range []bool{false, true} {
		withGroups(t, func(m *mesh, home, other *upstreamtest.Groups) {
			c := m.member()
			wantCodes(t, "commit at home", c.commit(1, "apples"), wire.None)
			m.c2.DelayDials(1200 * time.Millisecond)
			if kicked {
				time.AfterFunc(time.Second, func() { home.Member("g", "m", -1) })
			}
			codes := c.commit(2, "bananas")
			checks, _ := home.Calls()
			if kicked {
				wantCodes(t, "a member that was kicked out meanwhile", codes, wire.UnknownMemberID)
				if got := other.Committed("g", "bananas", 0); len(got) > 0 {
					t.Errorf("committed %v, want nothing", got)
				}
				return
			}
			wantCodes(t, "a commit that waits for its connection", codes, wire.None)
			if got := other.Committed("g", "bananas", 0); checks < 2 || len(got) != 1 {
				t.Errorf("%d checks, committed %v; want another check, and 2", checks, got)
			}
		})
	}
}

// Who waits for others to join holds up nobody else, and ends with its client.
func TestJoinsWait(t *testing.T) {
	t.Parallel()
	withGroups(t, func(m *mesh, home, _ *upstreamtest.Groups) {
		release := home.HoldJoins()
		join := func(id string) *member {
			c := m.member()
			c.send(wire.KeyJoinGroup, 9, &kmsg.JoinGroupRequest{Group: "g", MemberID: id, SessionTimeoutMillis: 45_000, RebalanceTimeoutMillis: 300_000})
			return c
		}
		waits, leaves := join("waits"), join("leaves")
		waits.send(wire.KeyLeaveGroup, 5, &kmsg.LeaveGroupRequest{Group: "g", Members: []kmsg.LeaveGroupRequestMember{{MemberID: "waits"}}})
		c := m.member()
		wantCodes(t, "another client's commit", c.commit(1, "apples", "bananas"), wire.None, wire.None)
		if got := c.beat(); got != wire.None {
			t.Errorf("another client's heartbeat: %s", got)
		}
		leaves.session.Closed()
		bubble.Advance(4 * time.Minute) // less than their rebalance timeout
		if _, frames := waits.answers(); len(frames) > 0 {
			t.Error("JoinGroup is answered before the others have joined")
		}
		release()
		if _, frames := waits.answers(); len(frames) != 2 {
			t.Errorf("%d answers, want those to JoinGroup and LeaveGroup", len(frames))
		}
		synctest.Wait()
		if diff := cmp.Diff([]string{"leaves", "m"}, home.Members("g")); diff != "" { // the broker had the request of who left
			t.Errorf("members (-want +got):\n%s", diff)
		}
	})
}

// TestHammerCommits has clients commit, several requests at a time, while coordinators move and connections are cut. What a cluster has of a
// partition only grows, and is the last that its client was told is committed, or one behind that.
func TestHammerCommits(t *testing.T) {
	t.Parallel()
	const clients, each, atOnce = 6, 60, 4
	m := newMesh(t, twoClusters, 3)
	home, other := m.c1.Groups(), m.c2.Groups()
	home.Member("g", "m", 1)
	stop := make(chan struct{})
	var chaos, work sync.WaitGroup
	chaos.Go(func() {
		for i := int32(0); ; i++ {
			select {
			case <-stop:
				return
			case <-time.After(3 * time.Millisecond):
			}
			m.c1.Coordinate("g", i%3+1)
			m.c2.Coordinate("g", i%3+1)
			if i%5 == 0 {
				m.c1.Cut(i/5%3 + 1)
				m.c2.Cut(i/5%3 + 1)
			}
		}
	})
	told := make([][2]int64, clients)
	for n := range clients {
		work.Go(func() { told[n] = hammerCommits(m, int32(n), each, atOnce) })
	}
	work.Wait()
	close(stop)
	chaos.Wait()
	m.filter.Close()
	for id := range int32(3) {
		m.c1.Cut(id + 1)
		m.c2.Cut(id + 1)
	}
	for n := range clients {
		for i, of := range [][]int64{home.Committed("g", "apples", int32(n)), other.Committed("g", "bananas", int32(n))} {
			last := int64(-1)
			for _, offset := range of {
				if offset < last {
					t.Errorf("client %d: %d is committed behind %d", n, offset, last)
				}
				last = offset
			}
			if last < told[n][i] {
				t.Errorf("client %d, cluster %d: the offset is %d, and it was told that %d is committed", n, i, last, told[n][i])
			}
		}
	}
}

// hammerCommits commits offsets from 0 on, and returns the last that it was told is committed, of each topic.
func hammerCommits(m *mesh, partition int32, each, atOnce int) (told [2]int64) {
	c := &member{client: m.connect()}
	defer c.session.Closed()
	told = [2]int64{-1, -1}
	for offset := 0; offset < each; {
		from := c.sent
		for range atOnce {
			r := commitOf(int64(offset), "apples", "bananas")
			for i := range r.Topics {
				r.Topics[i].Partitions[0].Partition = partition
			}
			c.send(wire.KeyOffsetCommit, 8, r)
			offset++
		}
		frames := c.await(int(c.sent))
		for i := from; i < c.sent; i++ {
			_, r, err := wiretest.ParseResponse(wire.KeyOffsetCommit, 8, frames[i])
			if err != nil {
				m.t.Error(err)
				return told
			}
			for j, topic := range r.(*kmsg.OffsetCommitResponse).Topics {
				if topic.Partitions[0].ErrorCode == 0 {
					told[j] = int64(offset - atOnce + int(i-from))
				}
			}
		}
	}
	return told
}

// await waits for so many answers, in real time.
func (c *member) await(count int) [][]byte {
	for {
		c.mu.Lock()
		_, frames := c.parse()
		c.mu.Unlock()
		if len(frames) >= count {
			return frames
		}
		<-time.After(time.Millisecond)
	}
}
