package demo

import (
	"fmt"
	"net"
	"strconv"

	"github.com/twmb/franz-go/pkg/kfake"
)

// MeshAddr is where producers reach the mesh.
const MeshAddr = "127.0.0.1:19092"

// PageAddr is where the mesh's page is.
const PageAddr = "127.0.0.1:19095"

// Cluster is one of the three clusters.
type Cluster struct {
	Name       string
	Port       int
	Partitions int    // of topics created on first use
	Topic      string // its records go here
	Records    int    // that are sent to it
}

// Clusters are the three that the configurations of both demos name.
func Clusters() []Cluster {
	return []Cluster{
		{Name: "kafka_c1", Port: 19191, Partitions: 1, Topic: "apples", Records: 2},
		{Name: "kafka_c2", Port: 19291, Partitions: 1, Topic: "bananas", Records: 2},
		{Name: "kafka_c3", Port: 19391, Partitions: 5, Topic: "cherries", Records: 6},
	}
}

// Addr is where the cluster is.
func (c Cluster) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(c.Port)) }

// StartEmbedded starts an embedded cluster in the cluster's place: it keeps its records in memory.
func (c Cluster) StartEmbedded() (stop func(), err error) {
	cluster, err := kfake.NewCluster(
		kfake.NumBrokers(1),
		kfake.Ports(c.Port),
		kfake.AllowAutoTopicCreation(),
		kfake.DefaultNumPartitions(c.Partitions),
	)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", c.Name, err)
	}
	return cluster.Close, nil
}
