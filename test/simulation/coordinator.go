package simulation

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	brokerlink "github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/link"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/upstreamtest"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

const (
	// sessionTime is how long a member may be silent, and rebalanceTime how long members have to join again.
	sessionTime, rebalanceTime = 2 * time.Second, 3 * time.Second
	// newProtocol is what the names of groups of the new protocol (KIP-848) begin with.
	newProtocol = "new-"
)

// coordinator is what one cluster has of groups, as Kafka has it. One broker coordinates each group, and others know nothing of it;
// what a group is, is kept when another broker takes it over. Its methods may be called from any goroutine.
type coordinator struct {
	line    *timeline
	name    string
	cluster *upstreamtest.Cluster
	offsets *offsets

	mu      sync.Mutex
	at      map[string]int32 // who coordinates, by group
	classic map[string]*classicGroup
	groups  map[string]*consumerGroup
	topic   string
	members int // made so far
	closed  bool
	foreign []string // members that were fenced because they own something of another cluster's topic
}

// coordinate has a cluster answer for groups.
func coordinate(line *timeline, name string, cluster *upstreamtest.Cluster) *coordinator {
	c := &coordinator{
		line: line, name: name, cluster: cluster, offsets: newOffsets(), topic: topics()[name],
		at: map[string]int32{}, classic: map[string]*classicGroup{}, groups: map[string]*consumerGroup{},
	}
	for key, of := range map[wire.APIKey]struct {
		versions brokerlink.Range
		handle   func(id int32, request kmsg.Request) chan kmsg.Response
	}{
		wire.KeyJoinGroup:              {brokerlink.Range{Min: 2, Max: 9}, c.join},
		wire.KeySyncGroup:              {brokerlink.Range{Min: 0, Max: 5}, c.sync},
		wire.KeyHeartbeat:              {brokerlink.Range{Min: 0, Max: 4}, c.beat},
		wire.KeyLeaveGroup:             {brokerlink.Range{Min: 0, Max: 5}, c.leave},
		wire.KeyOffsetCommit:           {brokerlink.Range{Min: 2, Max: 9}, c.commit},
		wire.KeyOffsetFetch:            {brokerlink.Range{Min: 1, Max: 9}, c.fetch},
		wire.KeyConsumerGroupHeartbeat: {brokerlink.Range{Min: 0, Max: 1}, c.consumerBeat},
		wire.KeyConsumerGroupDescribe:  {brokerlink.Range{Min: 0, Max: 1}, c.describe},
	} {
		cluster.Handle(key, of.versions, func(id int32, request kmsg.Request) kmsg.Response {
			c.mu.Lock()
			answer := of.handle(id, request)
			if c.closed && len(answer) == 0 {
				answer <- nil
			}
			c.mu.Unlock()
			return <-answer
		})
	}
	return c
}

// told is an answer that is there already.
func told(r kmsg.Response) chan kmsg.Response {
	answer := make(chan kmsg.Response, 1)
	answer <- r
	return answer
}

// move has another broker coordinate a group; -1: nobody does.
func (c *coordinator) move(group string, to int32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at[group] = to
	c.cluster.Coordinate(group, to)
	if g := c.classic[group]; g != nil {
		g.reload()
	}
	if g := c.groups[group]; g != nil {
		g.reload()
	}
}

// broker is who coordinates a group.
func (c *coordinator) broker(group string) int32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if id, said := c.at[group]; said {
		return id
	}
	return 1
}

// coordinates reports whether a broker coordinates a group. c.mu is held.
func (c *coordinator) coordinates(id int32, group string) bool {
	at, said := c.at[group]
	return id == at || !said && id == 1
}

// close has all that wait be answered.
func (c *coordinator) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	for _, g := range c.classic {
		g.reload()
	}
}

// after has do called, with c.mu held, when d has passed.
func (c *coordinator) after(d time.Duration, do func()) {
	c.line.after(d, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if !c.closed {
			do()
		}
	})
}

// mint makes a member id, as brokers do. c.mu is held.
func (c *coordinator) mint(client string) string {
	c.members++
	return fmt.Sprintf("%s-%08x-0000-4000-8000-%012x", client, c.members, c.members)
}

// commit is what a coordinator makes of an OffsetCommit. c.mu is held.
func (c *coordinator) commit(id int32, request kmsg.Request) chan kmsg.Response {
	r := request.(*kmsg.OffsetCommitRequest) //nolint:forcetypeassert // as the key is
	code := wire.NotCoordinator
	if c.coordinates(id, r.Group) {
		code = c.mayCommit(r.Group, r.MemberID, r.Generation)
	}
	response := kmsg.NewPtrOffsetCommitResponse()
	for _, t := range r.Topics {
		topic := kmsg.OffsetCommitResponseTopic{Topic: t.Topic}
		for _, p := range t.Partitions {
			if code == wire.None {
				c.offsets.take(offsetKey{r.Group, t.Topic, p.Partition}, p.Offset, text(p.Metadata), c.line.now())
			}
			topic.Partitions = append(topic.Partitions, kmsg.OffsetCommitResponseTopicPartition{Partition: p.Partition, ErrorCode: int16(code)})
		}
		response.Topics = append(response.Topics, topic)
	}
	return told(response)
}

// mayCommit says whether a member may commit. c.mu is held.
func (c *coordinator) mayCommit(group, member string, generation int32) wire.ErrorCode {
	if strings.HasPrefix(group, newProtocol) {
		return c.consumerGroup(group).mayCommit(member, generation)
	}
	return c.classicGroup(group).mayCommit(member, generation)
}

// fetch is what a coordinator makes of an OffsetFetch. c.mu is held.
func (c *coordinator) fetch(id int32, request kmsg.Request) chan kmsg.Response {
	r := request.(*kmsg.OffsetFetchRequest) //nolint:forcetypeassert // as the key is
	response := kmsg.NewPtrOffsetFetchResponse()
	for _, asked := range r.Groups {
		one := kmsg.OffsetFetchResponseGroup{Group: asked.Group}
		code := wire.NotCoordinator
		if c.coordinates(id, asked.Group) {
			code = wire.None
			if g := c.groups[asked.Group]; asked.MemberID != nil && asked.MemberEpoch >= 0 {
				code = g.mayCommit(*asked.MemberID, asked.MemberEpoch)
			}
		}
		one.ErrorCode = int16(code)
		for _, t := range asked.Topics {
			topic := kmsg.OffsetFetchResponseGroupTopic{Topic: t.Topic}
			for _, p := range t.Partitions {
				topic.Partitions = append(topic.Partitions, kmsg.OffsetFetchResponseGroupTopicPartition{
					Partition: p, Offset: c.offsets.last(offsetKey{asked.Group, t.Topic, p}), LeaderEpoch: -1, Metadata: new(""),
				})
			}
			one.Topics = append(one.Topics, topic)
		}
		response.Groups = append(response.Groups, one)
	}
	return told(response)
}
