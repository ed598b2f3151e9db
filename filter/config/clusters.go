package config

import (
	"slices"
	"strings"

	kafkameshv1 "github.com/kafkamesh/envoy-kafka-mesh/proto/kafkamesh/v1"
)

// clusters checks upstream_clusters and fills c.Clusters, in which every cluster has its place even if it is wrong.
func (c *Config) clusters(bad *mistakes, list []*kafkameshv1.KafkaClusterDefinition) {
	const path = "upstream_clusters"
	if len(list) == 0 {
		bad.add(path, "none given; write at least one, with cluster_name and bootstrap_servers")
	}
	first := make(map[string]int, len(list))
	for i, d := range list {
		at := index(path, i)
		if name := d.GetClusterName(); name == "" {
			bad.add(join(at, "cluster_name"), "missing; write the name that forwarding_rules use")
		} else if j, ok := first[name]; ok {
			bad.add(join(at, "cluster_name"), "%s is already the name of %s; give each cluster a name of its own",
				quote(name), index(path, j))
		} else {
			first[name] = i
		}
		c.Clusters = append(c.Clusters, c.cluster(bad, at, d))
	}
}

func (c *Config) cluster(bad *mistakes, at string, d *kafkameshv1.KafkaClusterDefinition) Cluster {
	cl := newCluster()
	cl.Name = d.GetClusterName()
	cl.PartitionCount = d.GetPartitionCount()
	cl.BootstrapServers = c.bootstrapServers(bad, join(at, "bootstrap_servers"), d.GetBootstrapServers())
	if n := d.GetPartitionCount(); n < 0 {
		bad.add(join(at, "partition_count"), "%d is negative; write the most partitions that clients shall see, or remove it", n)
	}
	c.producerConfig(bad, &cl, join(at, "producer_config"), d.GetProducerConfig())
	if len(d.GetConsumerConfig()) > 0 {
		c.warn(join(at, "consumer_config"), "has no effect: consumers are not served yet")
	}
	return cl
}

// bootstrapServers reads a comma-separated list. Empty places in it are ignored, as librdkafka does.
func (c *Config) bootstrapServers(bad *mistakes, path, list string) []string {
	var servers []string
	malformed := false
	for part := range strings.SplitSeq(list, ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		server, err := brokerAddress(part)
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
	return servers
}
