package stack

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kfake"
)

// FakeOptions describes an embedded cluster. The zero value is one node with topics created on first use.
type FakeOptions struct {
	Nodes int // 1 if 0
	More  []kfake.Opt
}

// FakeCluster is a Kafka cluster inside this process.
type FakeCluster struct{ *kfake.Cluster }

// StartFake starts an embedded cluster.
func StartFake(o FakeOptions) (*FakeCluster, error) {
	ports := make([]int, max(o.Nodes, 1)) // 0 has the kernel choose
	cluster, err := kfake.NewCluster(append([]kfake.Opt{
		kfake.NumBrokers(len(ports)),
		kfake.Ports(ports...),
		kfake.AllowAutoTopicCreation(),
		kfake.DefaultNumPartitions(1),
	}, o.More...)...)
	if err != nil {
		return nil, fmt.Errorf("start an embedded cluster: %w", err)
	}
	return &FakeCluster{cluster}, nil
}

// Addr is where clients reach the cluster's first node.
func (f *FakeCluster) Addr() string { return f.ListenAddrs()[0] }
