package survey

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// Judge looks for what is wrong with the topics that the rules send to the cluster, or have read there, and with what its user may do.
// written and read are the rules by which a topic is written and read here, as people know them; empty: it is not.
func (c *Cluster) Judge(written, read func(topic string) string) {
	c.judgeIdempotence()
	c.judgeGroups()
	byRule, byRead := map[string][]*Topic{}, map[string][]*Topic{}
	for i := range c.Topics {
		t := &c.Topics[i]
		if t.Internal {
			continue
		}
		if rule := written(t.Name); rule != "" {
			byRule[rule] = append(byRule[rule], t)
		}
		if rule := read(t.Name); rule != "" {
			byRead[rule] = append(byRead[rule], t)
		}
	}
	for _, rule := range slices.Sorted(maps.Keys(byRule)) {
		c.Findings = append(c.Findings, judgeWrites(rule, byRule[rule])...)
		c.Findings = append(c.Findings, judgeLeaders(rule+" sends here", byRule[rule])...)
	}
	for _, rule := range slices.Sorted(maps.Keys(byRead)) {
		c.Findings = append(c.Findings, judgeReads(rule, byRead[rule])...)
		only := slices.DeleteFunc(byRead[rule], func(t *Topic) bool { return written(t.Name) != "" }) // whose leaders were judged
		c.Findings = append(c.Findings, judgeLeaders(rule+" has read here", only)...)
	}
}

// judgeIdempotence sees whether idempotent producers are let in. From Kafka 3.0 on the right to write to any topic is enough (KIP-679).
func (c *Cluster) judgeIdempotence() {
	for _, b := range c.Brokers {
		if b.Works && !b.since30() && c.Rights.Lacks(IdempotentWrite) {
			c.Findings = append(c.Findings, Finding{
				What:    "the mesh's user lacks IDEMPOTENT_WRITE on the cluster, which Kafka before 3.0 wants of idempotent producers; these get CLUSTER_AUTHORIZATION_FAILED",
				Do:      "allow IDEMPOTENT_WRITE on the cluster, or have producers set enable.idempotence=false",
				Warning: true,
			})
			return
		}
	}
}

func judgeWrites(rule string, topics []*Topic) []Finding {
	locked, many := lacking(topics, Write)
	if len(locked) == 0 {
		return nil
	}
	return []Finding{{
		What:    fmt.Sprintf("the mesh's user lacks WRITE on %s that %s sends here: %s", many, rule, few(locked)),
		Do:      "allow it WRITE, where clients are to write; they get TOPIC_AUTHORIZATION_FAILED until then",
		Warning: len(locked) < len(topics),
	}}
}

// judgeReads is a warning at worst: perhaps nobody is to read.
func judgeReads(rule string, topics []*Topic) []Finding {
	locked, many := lacking(topics, Read)
	if len(locked) == 0 {
		return nil
	}
	return []Finding{{
		What:    fmt.Sprintf("the mesh's user lacks READ on %s that %s has read here: %s", many, rule, few(locked)),
		Do:      "allow it READ, where clients are to read; they get TOPIC_AUTHORIZATION_FAILED until then. A rule with operations: [OPERATION_WRITE] says that they are not",
		Warning: true,
	}}
}

// lacking are the topics on which an operation is not allowed, and how many of all that is.
func lacking(topics []*Topic, o kmsg.ACLOperation) (locked []string, many string) {
	for _, t := range topics {
		if t.Rights.Lacks(o) {
			locked = append(locked, t.Name)
		}
	}
	if len(locked) < len(topics) {
		return locked, fmt.Sprintf("%d of the %d topics", len(locked), len(topics))
	}
	return locked, "every topic"
}

// judgeLeaders looks at the topics that a rule does something with.
func judgeLeaders(rule string, topics []*Topic) []Finding {
	var leaderless []string
	for _, t := range topics {
		for _, p := range t.Partitions {
			if p.Leader < 0 || p.Code == wire.LeaderNotAvailable {
				leaderless = append(leaderless, fmt.Sprintf("%s/%d", t.Name, p.Number))
			}
		}
	}
	if len(leaderless) == 0 {
		return nil
	}
	return []Finding{{
		What: fmt.Sprintf("partitions without a leader, of topics that %s: %s", rule, few(leaderless)),
		Do:   "see which of the cluster's brokers are down",
	}}
}

// JudgeLeaders sees whether the brokers that lead a topic's partitions can be used.
func (c *Cluster) JudgeLeaders(t *Topic) (found []Finding) {
	byLeader := map[int32][]string{}
	for _, p := range t.Partitions {
		byLeader[p.Leader] = append(byLeader[p.Leader], strconv.Itoa(int(p.Number)))
	}
	for _, leader := range slices.Sorted(maps.Keys(byLeader)) {
		led := byLeader[leader]
		partitions := "partition " + led[0]
		if len(led) > 1 {
			partitions = "partitions " + few(led)
		}
		at := slices.IndexFunc(c.Brokers, func(b *Broker) bool { return b.Node == leader })
		switch {
		case leader < 0:
			found = append(found, Finding{What: partitions + ": there is no leader", Do: "see which of the cluster's brokers are down"})
		case at < 0:
			found = append(found, Finding{What: fmt.Sprintf("%s: the leader is broker %d, which the cluster does not name", partitions, leader)})
		case !c.Brokers[at].Works:
			b := c.Brokers[at]
			for _, f := range b.Findings {
				f.What = fmt.Sprintf("%s: the leader is broker %d, %s: %s", partitions, leader, b.Addr, f.What)
				found = append(found, f)
			}
		}
	}
	return found
}

// shown is how many names a sentence has at most.
const shown = 5

// few is the first names of a list, and how many there are besides.
func few(names []string) string {
	if len(names) <= shown {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:shown], ", "), len(names)-shown)
}
