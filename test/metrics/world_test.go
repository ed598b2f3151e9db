package metrics

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/kafkamesh/envoy-kafka-mesh/filter"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/config"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats"
	"github.com/kafkamesh/envoy-kafka-mesh/test/authority"
	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// The clusters, each of which has a rule of the same name: topics that begin with it are its. "more-" are Kafka's too.
const (
	kafkaCluster    = "kafka"    // Apache Kafka
	scriptedCluster = "scripted" // does what the topic says
	sealedCluster   = "sealed"   // speaks TLS
	lockedCluster   = "locked"   // refuses our login
	deadCluster     = "dead"     // is not there
	moreRule        = "more"
)

// The topics of the scripted cluster, and what it does with what is sent there.
const (
	plainTopic     = "scripted-plain"     // stores
	failingTopic   = "scripted-failing"   // answers each partition with one of failingCodes
	throttledTopic = "scripted-throttled" // asks for less
	silentTopic    = "scripted-silent"    // does not answer
	heldTopic      = "scripted-held"      // is not answered until it is released
	sealedTopic    = "sealed-plain"       // of another cluster
)

const (
	throttle = 7 // milliseconds
	// maxInFlight is how many requests of one client may be in flight before it is paused: over it is one more.
	maxInFlight = 19
)

// world is the mesh in one host, with clusters of every kind behind it.
type world struct {
	*book

	t        *testing.T
	host     string // what Kafka's topics have in their names
	addr     string
	admin    string // address of the mesh's own metrics in Envoy
	config   map[string]any
	table    stats.Table
	scripted *scripted
	ends     time.Time // of the first certificate of the sealed cluster
	began    time.Time
	shows    func() // has the host show what has been counted; nil: it does so by itself
	looks    int
}

// worlds counts them, so that no two have a topic in common.
var worlds atomic.Int64

// newWorld starts clusters for a mesh, which is not started yet.
func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{
		book: newBook(), t: t, host: fmt.Sprint("host-", worlds.Add(1)), addr: stack.Addr(t), admin: stack.Addr(t),
		scripted: newScripted(t), began: time.Now(),
	}
	stack.CreateTopics(t, shared(t), stack.TopicOptions{Partitions: 4}, w.topic("plain"), w.topic("counted"), w.topic("old"), w.more())
	w.configure(map[string]any{
		"upstream_clusters": w.clusters(), "topic_metrics": []string{w.topic("counted"), plainTopic},
		"admin": map[string]string{"address": w.admin}, "access_log": map[string]string{"path": filepath.Join(t.TempDir(), "access.log")},
		"limits": map[string]int64{
			"max_in_flight_requests_per_connection": maxInFlight, "max_request_bytes": 8 << 20, "max_in_flight_bytes_per_worker": 16 << 20,
			"partial_request_timeout_ms": 1000,
		},
	})
	return w
}

// clusters starts those that are not there yet, and is all of them as the configuration has them.
func (w *world) clusters() []map[string]any {
	w.t.Helper()
	signer, err := authority.New("sealed")
	stack.Check(w.t, err)
	leaf, err := signer.Issue("broker", []string{"127.0.0.1"}, nil)
	stack.Check(w.t, err)
	pair, err := tls.X509KeyPair(leaf.Certificate, leaf.Key)
	stack.Check(w.t, err)
	w.ends = pair.Leaf.NotAfter
	sealed := stack.Fake(w.t, stack.FakeOptions{More: []kfake.Opt{
		kfake.TLS(&tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}), kfake.SeedTopics(1, sealedTopic),
	}})
	locked := stack.Fake(w.t, stack.FakeOptions{More: []kfake.Opt{kfake.EnableSASL(), kfake.Superuser("PLAIN", "mesh", "right")}})
	return []map[string]any{
		{"cluster_name": kafkaCluster, "bootstrap_servers": shared(w.t)},
		{
			"cluster_name": scriptedCluster, "bootstrap_servers": w.scripted.Addr(),
			"producer_config": map[string]string{"request.timeout.ms": "2000"},
		},
		{"cluster_name": sealedCluster, "bootstrap_servers": sealed.Addr(), "tls": map[string]any{"ca": inline(string(signer.PEM))}},
		{"cluster_name": lockedCluster, "bootstrap_servers": locked.Addr(), "sasl": map[string]any{
			"mechanism": "MECHANISM_PLAIN", "username": inline("mesh"), "password": inline("wrong"),
		}},
		{"cluster_name": deadCluster, "bootstrap_servers": stack.Addr(w.t)},
	}
}

func inline(text string) map[string]string { return map[string]string{"inline_string": text} }

// configure completes the configuration of the mesh, and knows its metrics.
func (w *world) configure(c map[string]any) {
	w.t.Helper()
	host, port, err := net.SplitHostPort(w.addr)
	stack.Check(w.t, err)
	var rules []map[string]string
	for _, cluster := range clusterNames() {
		rules = append(rules, map[string]string{"target_cluster": cluster, "topic_prefix": cluster})
	}
	c["administration"] = map[string]string{"groups": "ACCESS_ALL"}
	c["forwarding_rules"] = append(rules, map[string]string{"target_cluster": kafkaCluster, "topic_prefix": moreRule})
	c["advertised_host"], c["advertised_port"] = host, json.Number(port)
	w.config = c
	parsed, err := config.Parse([]byte(w.text()))
	stack.Check(w.t, err)
	w.table = filter.Metrics(parsed)
	w.knowAll()
}

// text is the configuration as the hosts have it.
func (w *world) text() string {
	w.t.Helper()
	text, err := json.Marshal(w.config)
	stack.Check(w.t, err)
	return string(text)
}

func clusterNames() []string {
	return []string{kafkaCluster, scriptedCluster, sealedCluster, lockedCluster, deadCluster}
}

// topic is the name of a topic of Apache Kafka that this host alone sends to.
func (w *world) topic(kind string) string { return kafkaCluster + "-" + w.host + "-" + kind }

// more is the name of a topic of Apache Kafka that another rule matches.
func (w *world) more() string { return moreRule + "-" + w.host }

// cluster is where a topic goes by the rules, and the rule; empty: none has it.
func (w *world) cluster(topic string) (cluster, rule string) {
	prefix, _, _ := strings.Cut(topic, "-")
	switch prefix {
	case moreRule:
		return kafkaCluster, moreRule + "*"
	case kafkaCluster, scriptedCluster, sealedCluster, lockedCluster, deadCluster:
		return prefix, prefix + "*"
	default:
		return "", ""
	}
}
