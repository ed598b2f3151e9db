package conformance

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// show notes an answer, in a line or several, without what is never the same: times, ids, addresses.
func (c *client) show(resp kmsg.Response) {
	c.t.Helper()
	if r, ok := resp.(kmsg.ThrottleResponse); ok {
		if ms, _ := r.Throttle(); ms != 0 {
			c.say("throttled for %d ms", ms)
		}
	}
	switch r := resp.(type) {
	case *kmsg.ProduceResponse:
		c.showProduce(r)
	case *kmsg.MetadataResponse:
		c.showMetadata(r)
	case *kmsg.ApiVersionsResponse:
		c.say("%s, %d APIs", code(r.ErrorCode), min(len(r.ApiKeys), 2))
	case *kmsg.InitProducerIDResponse:
		c.say("%s id=%s epoch=%d", code(r.ErrorCode), sign(r.ProducerID), r.ProducerEpoch)
	case *kmsg.FetchResponse:
		c.showFetched(r)
	case *kmsg.ListOffsetsResponse:
		c.showOffsets(r)
	case *kmsg.OffsetForLeaderEpochResponse:
		c.showLeaderEpochs(r)
	case *kmsg.FindCoordinatorResponse:
		c.say("%s%s at %s", code(r.ErrorCode), quoted(r.ErrorMessage), c.place(r.Host, r.Port))
		for _, k := range r.Coordinators {
			c.say("%s: %s%s at %s", k.Key, code(k.ErrorCode), quoted(k.ErrorMessage), c.place(k.Host, k.Port))
		}
	case *kmsg.ConsumerGroupHeartbeatResponse:
		c.showHeartbeat(r)
	case *kmsg.ConsumerGroupDescribeResponse:
		c.showConsumerGroups(r)
	case *kmsg.OffsetCommitResponse:
		c.showCommit(r)
	case *kmsg.OffsetFetchResponse:
		c.showGroupOffsets(r)
	default:
		if !c.showAdministration(resp) && !c.showGroups(resp) {
			c.t.Fatalf("nobody knows how to show a %T", resp)
		}
	}
}

func (c *client) showProduce(r *kmsg.ProduceResponse) {
	slices.SortFunc(r.Topics, func(a, b kmsg.ProduceResponseTopic) int { return strings.Compare(a.Topic, b.Topic) })
	for _, t := range r.Topics {
		slices.SortFunc(t.Partitions, func(a, b kmsg.ProduceResponseTopicPartition) int { return cmp.Compare(a.Partition, b.Partition) })
		for _, p := range t.Partitions {
			c.say("%s/%d %s", t.Topic, p.Partition, result(p))
		}
		if len(t.Partitions) == 0 {
			c.say("%s without partitions", t.Topic)
		}
	}
	if len(r.Topics) == 0 {
		c.say("no topics")
	}
	for _, b := range r.Brokers {
		c.say("a node at %s", c.place(b.Host, b.Port))
	}
}

// result is what became of a batch.
func result(p kmsg.ProduceResponseTopicPartition) string {
	var b strings.Builder
	b.WriteString(code(p.ErrorCode))
	if p.BaseOffset != -1 {
		fmt.Fprintf(&b, " offset=%d", p.BaseOffset)
	}
	if p.LogAppendTime != -1 {
		fmt.Fprintf(&b, " appended=%s", when(p.LogAppendTime))
	}
	if p.LogStartOffset != -1 {
		fmt.Fprintf(&b, " start=%d", p.LogStartOffset)
	}
	for _, e := range p.ErrorRecords {
		fmt.Fprintf(&b, " [record %d%s]", e.RelativeOffset, quoted(e.ErrorMessage))
	}
	b.WriteString(quoted(p.ErrorMessage))
	if p.CurrentLeader.LeaderEpoch != -1 {
		fmt.Fprintf(&b, " leader epoch %d", p.CurrentLeader.LeaderEpoch)
	}
	return b.String()
}

// showMetadata notes the topics that are the target's own or were asked for, in their order.
func (c *client) showMetadata(r *kmsg.MetadataResponse) {
	for _, b := range r.Brokers {
		if at := c.place(b.Host, b.Port); at != "here" || len(r.Brokers) != 1 || r.Version > 0 && r.ControllerID != b.NodeID {
			c.say("a broker at %s of %d, controller %t", at, len(r.Brokers), r.ControllerID == b.NodeID)
		}
	}
	if r.AuthorizedOperations != math.MinInt32 {
		c.say("operations on the cluster: %#x", uint32(r.AuthorizedOperations))
	}
	slices.SortStableFunc(r.Topics, func(a, b kmsg.MetadataResponseTopic) int { return strings.Compare(name(a), name(b)) })
	for _, t := range r.Topics {
		c.say("%s", c.describe(r, t))
	}
	if len(r.Topics) == 0 {
		c.say("no topics")
	}
}

func name(t kmsg.MetadataResponseTopic) string {
	if t.Topic == nil {
		return "null"
	}
	if n := len(*t.Topic); n > 60 {
		return fmt.Sprintf("%q of %d bytes", (*t.Topic)[:5]+"…", n)
	}
	return fmt.Sprintf("%q", *t.Topic)
}

// describe is one topic of an answer.
func (c *client) describe(r *kmsg.MetadataResponse, t kmsg.MetadataResponseTopic) string {
	var b strings.Builder
	b.WriteString(name(t) + " " + code(t.ErrorCode))
	if r.Version >= 10 {
		b.WriteString(" id=" + c.topicID(t))
	}
	if t.IsInternal {
		b.WriteString(" internal")
	}
	if t.AuthorizedOperations != math.MinInt32 {
		fmt.Fprintf(&b, " operations=%#x", uint32(t.AuthorizedOperations))
	}
	slices.SortFunc(t.Partitions, func(a, b kmsg.MetadataResponseTopicPartition) int { return cmp.Compare(a.Partition, b.Partition) })
	shapes := map[string]int{}
	for i, p := range t.Partitions {
		if int(p.Partition) != i {
			fmt.Fprintf(&b, " partition %d at %d", p.Partition, i)
		}
		shapes[shape(r, p)]++
	}
	for _, s := range slices.Sorted(maps.Keys(shapes)) {
		fmt.Fprintf(&b, " %d partitions %s", shapes[s], s)
	}
	return b.String()
}

// shape is what is known of a partition. The one broker's id is shown as "it".
func shape(r *kmsg.MetadataResponse, p kmsg.MetadataResponseTopicPartition) string {
	nodes := func(ids ...int32) string {
		var names []string
		for _, id := range ids {
			if len(r.Brokers) == 1 && id == r.Brokers[0].NodeID {
				names = append(names, "it")
			} else {
				names = append(names, strconv.Itoa(int(id)))
			}
		}
		return strings.Join(names, "+")
	}
	return fmt.Sprintf("%s leader=%s epoch=%d replicas=%s isr=%s offline=%s", code(p.ErrorCode), nodes(p.Leader), p.LeaderEpoch,
		nodes(p.Replicas...), nodes(p.ISR...), nodes(p.OfflineReplicas...))
}

// topicID says whether an id is the one that the topic has.
func (c *client) topicID(t kmsg.MetadataResponseTopic) string {
	if t.TopicID == [16]byte{} {
		return "none"
	}
	if t.Topic == nil || *t.Topic == "" {
		return "unknown"
	}
	m, err := metadataOf(c.target.oracle, *t.Topic)
	if err == nil && m.TopicID == t.TopicID {
		return "its"
	}
	return fmt.Sprintf("wrong (%x, not %x, %v)", t.TopicID, m.TopicID, err)
}

// place says whether an address is the one that the client has dialled.
func (c *client) place(host string, port int32) string {
	if addr := fmt.Sprintf("%s:%d", host, port); addr != c.target.addr {
		return strings.ReplaceAll(addr, ":-1", "")
	}
	return "here"
}

// code is the name of an error code.
func code(n int16) string {
	if n == 0 {
		return "NONE"
	}
	if e := kerr.TypedErrorForCode(n); e != nil && e.Code == n {
		return e.Message
	}
	return fmt.Sprintf("ERROR_%d", n)
}

func quoted(s *string) string {
	if s == nil {
		return ""
	}
	return fmt.Sprintf(" %q", *s)
}

func sign(id int64) string {
	if id < 0 {
		return strconv.FormatInt(id, 10)
	}
	return "some"
}

func when(ms int64) string {
	if age := time.Since(time.UnixMilli(ms)); age.Abs() < time.Minute {
		return "now"
	}
	return strconv.FormatInt(ms, 10)
}

func isTimeout(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }
