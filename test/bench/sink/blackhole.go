package sink

import (
	"github.com/twmb/franz-go/pkg/kfake"
)

// Blackhole starts an embedded Kafka that checks batches and then forgets them.
func Blackhole(port int, partitions int32, topics ...string) (*kfake.Cluster, error) {
	return kfake.NewCluster(
		kfake.NumBrokers(1), kfake.Ports(port), kfake.BlackholeProduce(), kfake.SeedTopics(partitions, topics...),
	)
}
