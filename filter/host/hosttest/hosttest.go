package hosttest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// Host is one of the engine's hosts.
type Host struct {
	// Start serves a configuration, in JSON, until the test ends. It returns the address to dial.
	Start func(t *testing.T, config string) (addr string)
	// Refuse starts the host with a configuration that it must not take, and returns what it said of it. Nil: it takes none.
	Refuse func(t *testing.T, config string) (said string)
	// Relayed says that somebody is between client and host, so that the client's connection may outlast that of the host.
	Relayed bool
	// NoHalfClose says that a client that sends FIN is gone for this host: its answers may be lost.
	NoHalfClose bool
}

// The topics: one answers at once, and descriptions of the others are large: some 40 KB and 800 KB.
const (
	topic          = "small"
	largeTopic     = "large"
	partitions     = 1000 // of the large one
	hugeTopic      = "huge"
	hugePartitions = 20_000
)

// Run runs the suite.
func Run(t *testing.T, h Host) {
	t.Helper()
	for name, test := range map[string]func(t *testing.T, m *mesh){
		"splits":           splits,
		"pipelining":       pipelining,
		"late answers":     lateAnswers,
		"slow reader":      slowReader,
		"half close":       halfClose,
		"close while busy": closeWhileBusy,
		"many connections": manyConnections,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, start(t, h, "{}"))
		})
	}
	if !h.Relayed {
		ends(t, h)
	}
	t.Run("refused configuration", func(t *testing.T) {
		t.Parallel()
		if h.Refuse == nil {
			return
		}
		const want = `unknown field "upstream_cluster"; did you mean upstream_clusters?`
		if said := h.Refuse(t, `{"upstream_cluster": []}`); !strings.Contains(said, want) {
			t.Errorf("the host says %q, want %q in it", said, want)
		}
	})
}

// mesh is a host in front of one cluster.
type mesh struct {
	Host

	addr    string
	cluster *kfake.Cluster
}

func start(t *testing.T, h Host, limits string) *mesh {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, topic), kfake.SeedTopics(partitions, largeTopic),
		kfake.SeedTopics(hugePartitions, hugeTopic))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	addr := h.Start(t, fmt.Sprintf(`{
		"upstream_clusters": [{"cluster_name": "c", "bootstrap_servers": %q}],
		"forwarding_rules": [{"target_cluster": "c", "topic_prefix": ""}],
		"limits": %s
	}`, cluster.ListenAddrs()[0], limits))
	return &mesh{h, addr, cluster}
}

// stall has the cluster answer no Produce request until release.
func (m *mesh) stall(t *testing.T) (asked <-chan struct{}, release func()) {
	t.Helper()
	gate, requests := make(chan struct{}), make(chan struct{}, 1000)
	m.cluster.ControlKey(int16(wire.KeyProduce), func(kmsg.Request) (kmsg.Response, error, bool) {
		m.cluster.KeepControl()
		requests <- struct{}{}
		m.cluster.SleepControl(func() { <-gate })
		return nil, nil, false
	})
	released := false
	release = func() {
		if !released {
			released = true
			close(gate)
		}
	}
	t.Cleanup(release)
	return requests, release
}
