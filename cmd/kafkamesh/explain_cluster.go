package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"text/tabwriter"

	"github.com/kafkamesh/envoy-kafka-mesh/cmd/kafkamesh/survey"
	"github.com/kafkamesh/envoy-kafka-mesh/filter"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/config"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// maxPartitions is how many partitions are shown.
const maxPartitions = 20

// use is what is done with the topic on a cluster.
type use struct {
	cluster config.Cluster
	done    config.Operations
	where   string // words for that; empty: all is done there
}

// uses are what is done with the topic, once for each cluster.
func (e *explanation) uses() (all []use) {
	if e.written >= 0 {
		all = append(all, use{e.clusterOf(e.written), config.Writes, ", where it is written,"})
	}
	if e.read < 0 {
		return all
	}
	reading := e.clusterOf(e.read)
	if len(all) > 0 && all[0].cluster.Name == reading.Name {
		return []use{{reading, config.ReadsAndWrites, ""}}
	}
	return append(all, use{reading, config.Reads, ", where it is read,"})
}

// clusters asks the clusters of the rules, and prints what they say.
func (e *explanation) clusters(ctx context.Context) error {
	for _, u := range e.uses() {
		if err := e.cluster(ctx, u); err != nil {
			return err
		}
	}
	return nil
}

// cluster asks one cluster about what is done with the topic there.
func (e *explanation) cluster(ctx context.Context, u use) error {
	cluster := u.cluster
	seen := filter.SeenAs(cluster, e.as)
	e.user = seen.User
	if !saySeen(e.out, cluster, seen, e.as) {
		e.add(nobody(cluster, false))
		return nil
	}
	c, err := surveyOf(ctx, seen, e.timeout, []string{e.topic})
	if err != nil {
		return err
	}
	e.out.printf("\nCluster %s%s", c.Name, u.where)
	if len(c.Topics) == 0 {
		e.out.printf(" could not be asked\n")
		for _, b := range c.Brokers {
			for _, f := range b.Findings {
				e.add(Finding{What: c.Name + ", " + b.Addr + ": " + f.What, Do: f.Do, Warning: f.Warning})
			}
		}
		e.wrong = append(e.wrong, c.Findings...)
		return nil
	}
	t := &c.Topics[0]
	e.out.printf(" says of the topic:\n  %s\n", describe(t))
	e.partitions(c, t)
	e.judge(c, t, u.done)
	return nil
}

func (e *explanation) clusterOf(place int) config.Cluster {
	return clusterNamed(e.config, e.config.Rules[place].Cluster)
}

// clusterNamed is one of a configuration's clusters.
func clusterNamed(c *config.Config, name string) config.Cluster {
	for _, cluster := range c.Clusters {
		if cluster.Name == name {
			return cluster
		}
	}
	return config.Cluster{} // a checked configuration has it
}

// describe is a topic in one sentence.
func describe(t *survey.Topic) string {
	if t.Code != wire.None && len(t.Partitions) == 0 {
		return fmt.Sprintf("%s: %s", t.Code, survey.Words(t.Code))
	}
	text := "it exists, with " + counted(len(t.Partitions), "partition")
	if t.ID != [16]byte{} {
		text += ", topic id " + base64.RawURLEncoding.EncodeToString(t.ID[:]) // as Kafka's tools show it
	}
	if t.Internal {
		text += "; it is internal to Kafka"
	}
	if t.Code != wire.None {
		text += fmt.Sprintf("; %s: %s", t.Code, survey.Words(t.Code))
	}
	return text
}

// partitions prints a table of partitions, but not of very many.
func (e *explanation) partitions(c *survey.Cluster, t *survey.Topic) {
	e.out.printf("  what %s may do with it: %s\n", e.user, mayDo(t.Rights))
	if len(t.Partitions) == 0 {
		return
	}
	tabs := tabwriter.NewWriter(e.out, 0, 0, 2, ' ', 0) //nolint:mnd // columns are two spaces apart
	table := printer{tabs}
	table.printf("  PARTITION\tLEADER\tEPOCH\tIN SYNC\n")
	for _, p := range t.Partitions[:min(len(t.Partitions), maxPartitions)] {
		in := fmt.Sprintf("%d of %d", p.InSync, p.Replicas)
		if p.Code != wire.None {
			in += fmt.Sprintf("; %s: %s", p.Code, survey.Words(p.Code))
		}
		table.printf("  %d\t%s\t%d\t%s\n", p.Number, leader(c, p.Leader), p.LeaderEpoch, in)
	}
	_ = tabs.Flush() // to a user who may be gone
	if more := len(t.Partitions) - maxPartitions; more > 0 {
		e.out.printf("  and %d more partitions\n", more)
	}
}

// leader says which broker leads.
func leader(c *survey.Cluster, node int32) string {
	if node < 0 {
		return "none"
	}
	for _, b := range c.Brokers {
		if b.Node == node {
			return fmt.Sprintf("%d, %s", node, b.Addr)
		}
	}
	return fmt.Sprintf("%d, which the cluster does not name", node)
}

// judge looks for what keeps the cluster from what is done with the topic.
func (e *explanation) judge(c *survey.Cluster, t *survey.Topic, done config.Operations) {
	writes := done.Has(config.Writes)
	switch t.Code {
	case wire.None, wire.LeaderNotAvailable, wire.ReplicaNotAvailable, wire.ListenerNotFound:
	case wire.UnknownTopicOrPartition:
		if writes {
			e.add(Finding{What: c.Name + " has no such topic", Do: "create it there, or correct the name. " + e.creation(c)})
		} else {
			e.add(Finding{What: c.Name + ", where it is read, has no such topic", Do: "create it there, or remove the rule for reading it there", Warning: true})
		}
	case wire.TopicAuthorizationFailed:
		if writes {
			e.add(Finding{What: c.Name + " does not let " + e.user + " know of it", Do: "allow the user WRITE on it, which implies DESCRIBE"})
		} else {
			e.add(Finding{What: c.Name + ", where it is read, does not let " + e.user + " know of it", Do: "allow the user READ on it, which implies DESCRIBE", Warning: true})
		}
	default:
		e.add(Finding{What: fmt.Sprintf("%s answers %s: %s", c.Name, t.Code, survey.Words(t.Code))})
	}
	if writes && t.Rights.Lacks(survey.Write) {
		e.add(Finding{What: e.user + " lacks WRITE on it: clients get TOPIC_AUTHORIZATION_FAILED", Do: "allow the user WRITE on it"})
	}
	if done.Has(config.Reads) && t.Rights.Lacks(survey.Read) {
		e.add(Finding{What: e.user + " lacks READ on it: consumers get TOPIC_AUTHORIZATION_FAILED", Do: "allow the user READ on it, if somebody is to read it", Warning: true})
	}
	e.wrong = append(e.wrong, c.JudgeLeaders(t)...)
}

// creation says whether a client could have the topic created.
func (e *explanation) creation(c *survey.Cluster) string {
	if e.clusterOf(e.written).NoAutoCreate {
		return "Clients may not have it created: allow.auto.create.topics is false"
	}
	text := "A client that asks for it has it created, if the cluster's auto.create.topics.enable is true"
	if c.Rights.Lacks(survey.Create) {
		text += " and " + e.user + " may CREATE it; on the cluster it may not"
	}
	return text
}

// told prints what clients of the mesh are told of the topic.
func (e *explanation) told(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, e.timeout)
	defer cancel()
	e.out.printf("\nClients of the mesh are told:\n")
	response, err := askFacade(ctx, e.config, e.topic, e.as)
	switch {
	case err != nil:
		e.out.printf("  nothing: %v\n", err)
		e.add(Finding{What: "the facade does not answer: " + err.Error()})
		return
	case len(response.Brokers) != 1 || len(response.Topics) != 1:
		e.out.printf("  of %d brokers and %d topics\n", len(response.Brokers), len(response.Topics))
		return
	}
	broker, topic := &response.Brokers[0], &response.Topics[0]
	at := "the address that they dialled"
	if e.config.AdvertisedHost != "" {
		at = fmt.Sprintf("%s:%d", broker.Host, broker.Port)
	}
	e.out.printf("  one broker, %d, at %s\n", broker.NodeID, at)
	code := wire.ErrorCode(topic.ErrorCode)
	if code != wire.None {
		e.out.printf("  of the topic: %s\n", code)
		if !survey.Failed(e.wrong) { // nothing has explained it yet
			e.add(Finding{What: fmt.Sprintf("clients are told %s: %s", code, survey.Words(code))})
		}
		return
	}
	e.out.printf("  %s of the topic, led by that broker%s\n", counted(len(topic.Partitions), "partition"), e.cap(len(topic.Partitions)))
}

// cap says why there may be fewer partitions than in the cluster.
func (e *explanation) cap(told int) string {
	place := e.read
	if place < 0 {
		place = e.written
	}
	if most := e.clusterOf(place).PartitionCount; most > 0 && told == int(most) {
		return fmt.Sprintf(" (no more than partition_count, %d)", most)
	}
	return ""
}
