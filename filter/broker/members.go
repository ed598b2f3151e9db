package broker

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/groups"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/target"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// consumerGroupVersion is the newest version of the APIs of consumer groups (KIP-848) that clusters are asked with.
const consumerGroupVersion = 1

// reading is where topics are read, as package groups asks it.
type reading struct{ *Broker }

var _ groups.Routes = reading{}

// Reads implements groups.Routes.
func (r reading) Reads(topic string) (cluster string) {
	if rule, ok := r.routes.Reads(topic); ok && wire.ValidTopicName(topic) {
		return rule.Cluster
	}
	return ""
}

// Clusters implements groups.Routes.
func (r reading) Clusters() []string { return r.clusters }

// Home implements groups.Routes.
func (r reading) Home(group string) string { return r.routes.Home(group) }

// reads are the clusters that a member reads from by what a heartbeat says; none if it does not say.
func (b *Broker) reads(r *kmsg.ConsumerGroupHeartbeatRequest) (clusters []string) {
	if r.SubscribedTopicRegex != nil && *r.SubscribedTopicRegex != "" {
		return b.clusters
	}
	for _, name := range r.SubscribedTopicNames {
		if cluster := (reading{b}).Reads(name); cluster != "" && !slices.Contains(clusters, cluster) {
			clusters = append(clusters, cluster)
		}
	}
	return clusters
}

// forbidden is the first of topics that no rule lets be read, if that is to be told. Others are as if they did not exist.
func (b *Broker) forbidden(topics []string) string {
	first := ""
	for _, topic := range topics {
		if _, ok := b.routes.Reads(topic); !ok && wire.ValidTopicName(topic) {
			b.counts.Unmatched.Add(1)
			if first == "" && b.unmatched == wire.TopicAuthorizationFailed {
				first = topic
			}
		}
	}
	return first
}

// onlyRead leaves out of what clusters assign to a member, which reads what matches a regular expression, the topics that no rule reads
// from where they are, and those that its client may not know of. Then it calls then. What is not known stays: it may have been made a
// moment ago, and the clusters do not assign it again. sure says that there was nothing of that.
func (b *Broker) onlyRead(c *Client, a *kmsg.ConsumerGroupHeartbeatResponseAssignment, then func(sure bool)) {
	var mu sync.Mutex
	reads := map[[16]byte]bool{}
	left := len(b.clusters)
	for _, cluster := range b.clusters {
		take := func(topics []wire.Topic) (last bool) {
			mu.Lock()
			defer mu.Unlock()
			for i := range topics {
				reads[topics[i].ID] = (reading{b}).Reads(topics[i].Name) == cluster && b.seesTopic(c, topics[i].Name)
			}
			left--
			return left == 0
		}
		b.upstreams[cluster].Cluster.Topics(nil, false, func(topics []wire.Topic) {
			if !take(topics) {
				return
			}
			sure := true
			a.Topics = slices.DeleteFunc(a.Topics, func(t kmsg.ConsumerGroupHeartbeatResponseAssignmentTopic) bool {
				is, known := reads[t.TopicID]
				sure = sure && known
				return known && !is
			})
			then(sure)
		})
	}
}

// capped is those of partitions that a topic has up to most; 0: it has all.
func capped(partitions []int32, most int32) []int32 {
	if most == 0 {
		return partitions
	}
	kept := partitions[:0]
	for _, p := range partitions {
		if p < most {
			kept = append(kept, p)
		}
	}
	return kept
}

// capMembers leaves out of what members are assigned the partitions that clients are not told of.
func (u Upstream) capMembers(g *kmsg.ConsumerGroupDescribeResponseGroup) {
	for i := range g.Members {
		for _, topics := range [][]kmsg.AssignmentTopicPartition{
			g.Members[i].Assignment.TopicPartitions, g.Members[i].TargetAssignment.TopicPartitions,
		} {
			for j := range topics {
				topics[j].Partitions = capped(topics[j].Partitions, u.PartitionCount)
			}
		}
	}
}

// recalls is who waits for what clusters say of groups: all that ask for a group at the same time wait for one answer.
type recalls struct {
	mu      sync.Mutex
	waiting map[string][]func(*groups.Known)
}

// recall asks every cluster what it knows of a group, and calls then, from any goroutine.
func (b *Broker) recall(group string, then func(*groups.Known)) {
	r := &b.recalls
	if r.wait(group, then) {
		return
	}
	k := &groups.Known{
		Said: map[string]*kmsg.ConsumerGroupDescribeResponseGroup{}, Refused: map[string]*kmsg.ConsumerGroupDescribeResponseGroup{},
	}
	var mu sync.Mutex
	left := len(b.clusters)
	for _, cluster := range b.clusters {
		take := func(said *kmsg.ConsumerGroupDescribeResponseGroup) (last bool) {
			mu.Lock()
			defer mu.Unlock()
			switch code := wire.ErrorCode(said.ErrorCode); code {
			case wire.None:
				k.Said[cluster] = said
			case wire.GroupIDNotFound, wire.UnsupportedVersion, wire.InvalidGroupID: // it has no such group
				k.Refused[cluster] = said
			default:
				k.Missing = append(k.Missing, cluster)
				if !code.Transient() {
					k.Refused[cluster] = said
				}
			}
			left--
			return left == 0
		}
		b.describe(cluster, group, func(said *kmsg.ConsumerGroupDescribeResponseGroup) {
			if take(said) {
				r.tell(group, k)
			}
		})
	}
}

// wait notes who waits, and reports whether the group is asked for already.
func (r *recalls) wait(group string, then func(*groups.Known)) (asked bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.waiting == nil {
		r.waiting = map[string][]func(*groups.Known){}
	}
	_, asked = r.waiting[group]
	r.waiting[group] = append(r.waiting[group], then)
	return asked
}

// take takes out who waits.
func (r *recalls) take(group string) []func(*groups.Known) {
	r.mu.Lock()
	defer r.mu.Unlock()
	waiting := r.waiting[group]
	delete(r.waiting, group)
	return waiting
}

// tell tells who waits.
func (r *recalls) tell(group string, k *groups.Known) {
	var trouble any
	for _, then := range r.take(group) {
		func() {
			defer func() {
				if reason := recover(); reason != nil { // the others hear all the same
					trouble = reason
				}
			}()
			then(k)
		}()
	}
	if trouble != nil {
		panic(trouble)
	}
}

// describe asks one cluster for a group, and waits for it as for a heartbeat.
func (b *Broker) describe(cluster, group string, done func(said *kmsg.ConsumerGroupDescribeResponseGroup)) {
	request := kmsg.NewPtrConsumerGroupDescribeRequest()
	request.Groups = []string{group}
	to := target.Coordinator(group)
	brokers := b.upstreams[cluster].Brokers
	var once sync.Once
	timer := time.AfterFunc(heartbeatPatience, func() {
		defer b.recalls.recover()
		once.Do(func() { done(&kmsg.ConsumerGroupDescribeResponseGroup{ErrorCode: int16(wire.CoordinatorNotAvailable)}) })
	})
	brokers.Call(to, request, consumerGroupVersion, func(r kmsg.Response, err error) {
		timer.Stop()
		said := &kmsg.ConsumerGroupDescribeResponseGroup{}
		if err != nil {
			code, _ := unanswered(err)
			said.ErrorCode = int16(code)
		} else if all := r.(*kmsg.ConsumerGroupDescribeResponse).Groups; len(all) == 1 { //nolint:forcetypeassert // as the request is
			said = &all[0]
			b.upstreams[cluster].capMembers(said)
		} else {
			said.ErrorCode = int16(wire.CoordinatorNotAvailable)
		}
		if wire.ErrorCode(said.ErrorCode) == wire.NotCoordinator {
			brokers.Doubt(to)
		}
		once.Do(func() { done(said) })
	})
}

// recover stops a panic on a goroutine of a timer's. The clients have been answered.
func (*recalls) recover() { _ = recover() }

// ofConsumerProtocol says whether a member id is one of the new protocol (KIP-848). Those of the classic one are made by brokers and end
// in a UUID, after the client's or the instance's id; those of the new one are any, and in practice 22 letters. So are those that brokers
// make for members of the classic protocol that join a group of the new one, which keep them when the group is of the classic one again.
func ofConsumerProtocol(member string) bool {
	const uuid = len("-00000000-0000-0000-0000-000000000000")
	if len(member) < uuid {
		return member != ""
	}
	tail := member[len(member)-uuid:]
	return strings.Count(tail, "-") != 5 || tail[0] != '-' || tail[9] != '-' || tail[14] != '-' || tail[19] != '-' || tail[24] != '-'
}

// epochsOf gives the epochs that a member's epoch is the sum of, from memory or when the clusters have been asked. A code: there are
// none, because of that. GROUP_ID_NOT_FOUND: no cluster has a group of that name and of the new protocol.
func (b *Broker) epochsOf(key groups.Key, epoch int32, done func(groups.Epochs, wire.ErrorCode)) {
	if epochs, ok := b.members.Find(key).EpochsOf(epoch); ok {
		done(epochs, wire.None)
		return
	}
	b.recall(key.Group, func(k *groups.Known) {
		m, code := k.Member(key, epoch, nil, nil)
		switch code {
		case wire.None:
			m.Asked = false // it said nothing
			b.members.Keep(key, m)
			done(m.Told, wire.None)
		case wire.FencedMemberEpoch:
			done(nil, wire.StaleMemberEpoch)
		case wire.UnknownMemberID:
			if len(k.Said) == 0 {
				code = wire.GroupIDNotFound
			}
			done(nil, code)
		default:
			done(nil, code)
		}
	})
}
