package conformance

import (
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// TestGroupTools asks what tools ask of groups: of one that has only offsets, of one with a member, and of ones that are not there.
func TestGroupTools(t *testing.T) {
	t.Parallel()
	play(t, "group_tools", slices.Concat([]scenario{
		{name: "what is there", do: func(c *client) {
			c.commit("bare", "listed", 0, 1)
			c.commit("bare", "three", 0)
			c.join("full", c.topic("listed"))
		}},
	}, listings(), descriptions(), offsetDeletions(), groupDeletions()))
}

// listings list groups; the answers are shown without the groups of others. The hushed one is never among them.
func listings() []scenario {
	list := func(states, types []string) func(*client) {
		return func(c *client) {
			from := int16(0)
			if states != nil {
				from = 4
			}
			if types != nil {
				from = 5
			}
			c.asks(from, 5, func(int16) kmsg.Request {
				req := kmsg.NewPtrListGroupsRequest()
				req.StatesFilter, req.TypesFilter = states, types
				return req
			})
		}
	}
	return []scenario{
		{name: "list", do: list(nil, nil)},
		{name: "list those that are empty", do: list([]string{"Empty"}, nil)},
		{name: "list those of two states", do: list([]string{"Stable", "Empty"}, nil)},
		{name: "list those of a state in another case", do: list([]string{"eMPTY"}, nil)},
		{name: "list those of a state that there is not", do: list([]string{"Nowhere"}, nil)},
		{name: "list those of a type", do: list(nil, []string{"classic"})},
		{name: "list those of a type in another case", do: list(nil, []string{"Classic"})},
		{name: "list those of another type", do: list(nil, []string{"consumer"})},
		{name: "list those of a type that there is not", do: list(nil, []string{"nowhere"})},
		{name: "list those of a state and a type", do: list([]string{"Stable"}, []string{"classic"})},
	}
}

func descriptions() []scenario {
	describe := func(kinds ...string) func(*client) {
		return func(c *client) {
			c.asks(0, 5, func(int16) kmsg.Request {
				req := kmsg.NewPtrDescribeGroupsRequest()
				for _, kind := range kinds {
					req.Groups = append(req.Groups, c.groupID(kind))
				}
				return req
			})
		}
	}
	return []scenario{
		{name: "describe one that has only offsets", do: describe("bare")},
		{name: "describe one with a member", do: describe("full")},
		{name: "describe one that is not there", do: describe("none")},
		{name: "describe several", do: describe("none", "full", "bare")},
		{name: "describe one twice", differs: answeredOnce, do: describe("bare", "bare")},
		{name: "describe one without a name", do: describe("")},
		{name: "describe none", do: describe()},
		{name: "describe in a version that is newer than its cluster", differs: versionsListed, do: func(c *client) {
			req := kmsg.NewPtrDescribeGroupsRequest()
			req.Groups = []string{c.topic("bare"), c.topic("none"), ""}
			c.ask(at(6, req))
		}},
		{name: "describe with operations", differs: noOperations, do: func(c *client) {
			req := kmsg.NewPtrDescribeGroupsRequest()
			req.Groups, req.IncludeAuthorizedOperations = []string{c.topic("bare")}, true
			c.ask(at(5, req))
		}},
	}
}

func offsetDeletions() []scenario {
	remove := func(kind string, topics ...kmsg.OffsetDeleteRequestTopic) func(*client) {
		return func(c *client) {
			req := kmsg.NewPtrOffsetDeleteRequest()
			req.Group = c.groupID(kind)
			for _, topic := range topics {
				topic.Topic = c.topic(topic.Topic)
				req.Topics = append(req.Topics, topic)
			}
			c.ask(req)
		}
	}
	of := func(topic string, partitions ...int32) kmsg.OffsetDeleteRequestTopic {
		t := kmsg.OffsetDeleteRequestTopic{Topic: topic}
		for _, p := range partitions {
			t.Partitions = append(t.Partitions, kmsg.OffsetDeleteRequestTopicPartition{Partition: p})
		}
		return t
	}
	return []scenario{
		{name: "delete an offset", do: remove("bare", of("listed", 0))},
		{name: "delete it again, and others", do: remove("bare", of("listed", 0, 1), of("three", 0, 1))},
		{name: "delete offsets of unknown partitions", do: remove("bare", of("listed", 7, -1))},
		{name: "delete offsets of an unknown topic", do: remove("bare", of("never", 0))},
		{name: "delete offsets of a topic that may not be seen", do: remove("bare", of("secret", 0))},
		{name: "delete an offset of a topic that a member reads", do: remove("full", of("listed", 0))},
		{name: "delete an offset of a topic that no member reads", do: remove("full", of("three", 0))},
		{name: "delete an offset of a group that is not there", do: remove("none", of("listed", 0))},
		{name: "delete no offsets", do: remove("bare")},
		{name: "delete no offsets of a group that is not there", do: remove("none")},
		{name: "delete offsets of a group without a name", do: remove("", of("listed", 0))},
	}
}

func groupDeletions() []scenario {
	remove := func(kinds ...string) func(*client) {
		return func(c *client) {
			c.asks(0, 2, func(int16) kmsg.Request {
				req := kmsg.NewPtrDeleteGroupsRequest()
				for _, kind := range kinds {
					req.Groups = append(req.Groups, c.groupID(kind))
				}
				return req
			})
		}
	}
	return []scenario{
		{name: "delete one with a member", do: remove("full")},
		{name: "delete one that is not there", do: remove("none")},
		{name: "delete one without a name", do: remove("")},
		{name: "delete none", do: remove()},
		{name: "delete one, and again", do: remove("bare")},
		{name: "delete one twice", do: func(c *client) {
			c.commit("twice", "three", 0)
			req := kmsg.NewPtrDeleteGroupsRequest()
			req.Groups = []string{c.topic("twice"), c.topic("twice")}
			c.ask(at(2, req))
		}},
	}
}

// groupID is the name of one of the target's own groups; empty: no name.
func (c *client) groupID(kind string) string {
	if kind == "" {
		return ""
	}
	return c.topic(kind)
}

// commit commits offsets for a group without members.
func (c *client) commit(kind, topic string, partitions ...int32) {
	req := kmsg.NewPtrOffsetCommitRequest()
	req.Group, req.Generation, req.Version = c.topic(kind), -1, 7
	t := kmsg.NewOffsetCommitRequestTopic()
	t.Topic = c.topic(topic)
	for _, n := range partitions {
		p := kmsg.NewOffsetCommitRequestTopicPartition()
		p.Partition, p.Offset = n, 1
		t.Partitions = append(t.Partitions, p)
	}
	req.Topics = append(req.Topics, t)
	c.send(req)
	resp, ok := c.answer(req, req.Version, c.Last).(*kmsg.OffsetCommitResponse)
	for i := 0; ok && i < len(resp.Topics); i++ {
		for _, p := range resp.Topics[i].Partitions {
			c.say("commit to %s: %s", resp.Topics[i].Topic, code(p.ErrorCode))
		}
	}
}

// join makes a member of a group, which stays one for as long as scenarios take.
func (c *client) join(kind string, topics ...string) {
	join := kmsg.NewPtrJoinGroupRequest()
	join.Group, join.Version, join.ProtocolType = c.topic(kind), 2, "consumer"
	join.SessionTimeoutMillis, join.RebalanceTimeoutMillis = 300_000, 300_000
	metadata := kmsg.NewConsumerMemberMetadata()
	metadata.Topics = topics
	join.Protocols = []kmsg.JoinGroupRequestProtocol{{Name: "range", Metadata: metadata.AppendTo(nil)}}
	c.send(join)
	joined, ok := c.answer(join, join.Version, c.Last).(*kmsg.JoinGroupResponse)
	if !ok {
		return
	}
	c.say("join: %s, %d members", code(joined.ErrorCode), len(joined.Members))
	sync := kmsg.NewPtrSyncGroupRequest()
	sync.Group, sync.Version, sync.Generation, sync.MemberID = join.Group, 2, joined.Generation, joined.MemberID
	sync.GroupAssignment = []kmsg.SyncGroupRequestGroupAssignment{{MemberID: joined.MemberID, MemberAssignment: []byte("everything")}}
	c.send(sync)
	if synced, ok := c.answer(sync, sync.Version, c.Last).(*kmsg.SyncGroupResponse); ok {
		c.say("sync: %s", code(synced.ErrorCode))
	}
}

// showGroups notes an answer about groups; false: it is none.
func (c *client) showGroups(resp kmsg.Response) bool {
	switch r := resp.(type) {
	case *kmsg.ListGroupsResponse:
		own := slices.DeleteFunc(r.Groups, func(g kmsg.ListGroupsResponseGroup) bool {
			return !slices.Contains([]string{c.topic("bare"), c.topic("full"), c.topic(hushed)}, g.Group)
		})
		slices.SortFunc(own, func(a, b kmsg.ListGroupsResponseGroup) int { return strings.Compare(a.Group, b.Group) })
		c.say("%s", code(r.ErrorCode))
		for _, g := range own {
			c.say("%s protocol=%q state=%q type=%q", g.Group, g.ProtocolType, g.GroupState, g.GroupType)
		}
	case *kmsg.DescribeGroupsResponse:
		slices.SortStableFunc(r.Groups, func(a, b kmsg.DescribeGroupsResponseGroup) int { return strings.Compare(a.Group, b.Group) })
		for _, g := range r.Groups {
			c.say("%q %s%s state=%q protocol=%q/%q", g.Group, code(g.ErrorCode), quoted(g.ErrorMessage), g.State, g.ProtocolType, g.Protocol)
			if ops := uint32(g.AuthorizedOperations); ops != 1<<31 {
				c.say("operations=%#x", ops)
			}
			for _, m := range g.Members {
				c.say("a member of client %q, %d bytes of metadata, assigned %q, instance%s", m.ClientID, len(m.ProtocolMetadata), m.MemberAssignment, quoted(m.InstanceID))
			}
		}
		if len(r.Groups) == 0 {
			c.say("no groups")
		}
	case *kmsg.DeleteGroupsResponse:
		slices.SortStableFunc(r.Groups, func(a, b kmsg.DeleteGroupsResponseGroup) int { return strings.Compare(a.Group, b.Group) })
		for _, g := range r.Groups {
			c.say("%q %s", g.Group, code(g.ErrorCode))
		}
		if len(r.Groups) == 0 {
			c.say("no groups")
		}
	case *kmsg.OffsetDeleteResponse:
		c.say("%s", code(r.ErrorCode))
		slices.SortStableFunc(r.Topics, func(a, b kmsg.OffsetDeleteResponseTopic) int { return strings.Compare(a.Topic, b.Topic) })
		for _, t := range r.Topics {
			for _, p := range t.Partitions {
				c.say("%s/%d %s", t.Topic, p.Partition, code(p.ErrorCode))
			}
			if len(t.Partitions) == 0 {
				c.say("%s without partitions", t.Topic)
			}
		}
	default:
		return false
	}
	return true
}
