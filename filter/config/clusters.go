package config

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats"
	kafkameshv1 "github.com/kafkamesh/envoy-kafka-mesh/proto/kafkamesh/v1"
)

const (
	// maxConnections is the most connections that a worker may have to each broker.
	maxConnections = 16
	// maxRetentionDays is the longest that a cluster may be told to keep offsets, in days.
	maxRetentionDays = 3650
)

// clusters checks upstream_clusters and fills c.Clusters, in which every cluster has its place even if it is wrong.
func (c *Config) clusters(bad *mistakes, list []*kafkameshv1.KafkaClusterDefinition) {
	const path = "upstream_clusters"
	if len(list) == 0 {
		bad.add(path, "none given; write at least one, with cluster_name and bootstrap_servers")
	}
	first, metrics := make(map[string]int, len(list)), make(map[string]int, len(list))
	for i, d := range list {
		at := index(path, i)
		if name := d.GetClusterName(); name == "" {
			bad.add(join(at, "cluster_name"), "missing; write the name that forwarding_rules use")
		} else if j, ok := first[name]; ok {
			bad.add(join(at, "cluster_name"), "%s is already the name of %s; give each cluster a name of its own",
				quote(name), index(path, j))
		} else if j, ok := metrics[stats.ClusterMetrics(name)]; ok {
			bad.add(join(at, "cluster_name"), "the metrics of %s would be those of %s, %s, too: colons and some dots become underscores there; change a name",
				quote(name), index(path, j), quote(list[j].GetClusterName()))
		} else {
			first[name], metrics[stats.ClusterMetrics(name)] = i, i
		}
		c.Clusters = append(c.Clusters, c.cluster(bad, at, d))
	}
}

func (c *Config) cluster(bad *mistakes, at string, d *kafkameshv1.KafkaClusterDefinition) Cluster {
	cl := newCluster()
	cl.Name = d.GetClusterName()
	cl.PartitionCount = d.GetPartitionCount()
	servers, scheme := c.bootstrapServers(bad, join(at, "bootstrap_servers"), d.GetBootstrapServers())
	cl.BootstrapServers = servers
	if n := d.GetPartitionCount(); n < 0 {
		bad.add(join(at, "partition_count"), "%d is negative; write the most partitions that clients shall see, or remove it", n)
	}
	if n := d.ConnectionsPerBroker; n != nil {
		if cl.ConnectionsPerBroker = *n; *n < 1 || *n > maxConnections {
			bad.add(join(at, "connections_per_broker"), "%d is not allowed; write 1 to %d", *n, maxConnections)
		}
	}
	if n := d.OffsetRetentionDays; n != nil {
		cl.OffsetRetention = time.Duration(*n) * 24 * time.Hour
		if *n < 1 || *n > maxRetentionDays {
			bad.add(join(at, "offset_retention_days"), "%d is not allowed; write 1 to %d", *n, maxRetentionDays)
		}
	}
	g := c.producerConfig(bad, &cl, join(at, "producer_config"), d.GetProducerConfig())
	c.consumerConfig(bad, &cl, g, join(at, "consumer_config"), d.GetConsumerConfig())
	c.dial(bad, &cl, g, join(at, "dial"), d.GetDial())
	security := security{config: c, bad: bad, cluster: &cl, given: g, at: at, scheme: scheme, tls: d.GetTls(), sasl: d.GetSasl()}
	security.read()
	return cl
}

// bootstrapServers reads a comma-separated list. Empty places in it are ignored, as librdkafka does. scheme is the security
// protocol that stands before the hosts.
func (c *Config) bootstrapServers(bad *mistakes, path, list string) (servers []string, scheme string) {
	if strings.Contains(list, "@") { // what stands before it is not for messages
		bad.add(path, "an address has no @; write HOST:PORT, and a login into the cluster's sasl")
		return nil, ""
	}
	malformed, schemes := false, false
	for part := range strings.SplitSeq(list, ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		server, protocol, err := brokerAddress(part)
		if protocol != "" && scheme != "" && protocol != scheme && !schemes {
			schemes = true
			bad.add(path, "some servers are of %s and some of %s; write one for all", strings.ToUpper(scheme), strings.ToUpper(protocol))
		}
		scheme = cmp.Or(scheme, protocol)
		switch {
		case err != nil:
			malformed = true
			bad.add(path, "%v", err)
		case slices.Contains(servers, server):
			c.warn(path, "%s is given twice; the second has no effect", quote(server))
		default:
			servers = append(servers, server)
		}
	}
	if len(servers) == 0 && !malformed {
		bad.add(path, "missing; write HOST:PORT of one broker or more, separated by commas")
	}
	return servers, scheme
}
