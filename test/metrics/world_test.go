package metrics

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

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

// The topics of the scripted cluster.
const (
	plainTopic     = "scripted-plain"     // stores
	failingTopic   = "scripted-failing"   // answers each partition with one of failingCodes
	throttledTopic = "scripted-throttled" // asks for less
	silentTopic    = "scripted-silent"    // does not answer
	heldTopic      = "scripted-held"      // is not answered until it is released
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
	config   string
	table    stats.Table
	scripted *scripted
	ends     time.Time // of the first certificate of the sealed cluster
	began    time.Time
}

// worlds counts them, so that no two have a topic in common.
var worlds atomic.Int64

// newWorld starts clusters for a mesh, which is not started yet.
func newWorld(t *testing.T) *world {
	t.Helper()
	host := fmt.Sprint("host-", worlds.Add(1))
	w := &world{book: newBook(), t: t, host: host, addr: stack.Addr(t), admin: stack.Addr(t), scripted: newScripted(t), began: time.Now()}
	stack.CreateTopics(t, shared(t), stack.TopicOptions{Partitions: 4}, w.topic("plain"), w.topic("counted"), w.topic("old"), "more-"+host)
	signer, err := authority.New("sealed")
	stack.Check(t, err)
	leaf, err := signer.Issue("broker", []string{"127.0.0.1"}, nil)
	stack.Check(t, err)
	pair, err := tls.X509KeyPair(leaf.Certificate, leaf.Key)
	stack.Check(t, err)
	w.ends = pair.Leaf.NotAfter
	sealed := stack.Fake(t, stack.FakeOptions{More: []kfake.Opt{
		kfake.TLS(&tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}), kfake.SeedTopics(1, "sealed-plain"),
	}})
	locked := stack.Fake(t, stack.FakeOptions{More: []kfake.Opt{kfake.EnableSASL(), kfake.Superuser("PLAIN", "mesh", "right")}})
	clusters := []map[string]any{
		{"cluster_name": kafkaCluster, "bootstrap_servers": shared(t)},
		{"cluster_name": scriptedCluster, "bootstrap_servers": w.scripted.Addr(), "producer_config": map[string]string{"request.timeout.ms": "2000"}},
		{"cluster_name": sealedCluster, "bootstrap_servers": sealed.Addr(), "tls": map[string]any{"ca": inline(string(signer.PEM))}},
		{"cluster_name": lockedCluster, "bootstrap_servers": locked.Addr(), "sasl": map[string]any{
			"mechanism": "MECHANISM_PLAIN", "username": inline("mesh"), "password": inline("wrong"),
		}},
		{"cluster_name": deadCluster, "bootstrap_servers": stack.Addr(t)},
	}
	w.configure(map[string]any{"admin": map[string]string{"address": w.admin}, "upstream_clusters": clusters, "topic_metrics": []string{w.topic("counted"), plainTopic}, "limits": map[string]int64{
		"max_in_flight_requests_per_connection": maxInFlight, "max_request_bytes": 8 << 20, "max_in_flight_bytes_per_worker": 16 << 20,
		"partial_request_timeout_ms": 1000,
	}})
	return w
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
	c["forwarding_rules"] = append(rules, map[string]string{"target_cluster": kafkaCluster, "topic_prefix": moreRule})
	c["advertised_host"], c["advertised_port"] = host, json.Number(port)
	text, err := json.Marshal(c)
	stack.Check(w.t, err)
	w.config = string(text)
	parsed, err := config.Parse(text)
	stack.Check(w.t, err)
	w.table = filter.Metrics(parsed)
	w.knowAll()
}

func clusterNames() []string {
	return []string{kafkaCluster, scriptedCluster, sealedCluster, lockedCluster, deadCluster}
}

// topic is the name of a topic of Apache Kafka that this host alone sends to.
func (w *world) topic(kind string) string { return kafkaCluster + "-" + w.host + "-" + kind }

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

// scripted is a cluster that does what a topic says.
type scripted struct {
	*stack.FakeCluster

	accepted atomic.Int64 // connections

	mu   sync.Mutex
	gate chan struct{} // what is held waits until it is closed; nil: nothing is
}

func newScripted(t *testing.T) *scripted {
	t.Helper()
	s := &scripted{}
	s.FakeCluster = stack.Fake(t, stack.FakeOptions{More: []kfake.Opt{
		kfake.SeedTopics(int32(len(failingCodes)), failingTopic), kfake.SeedTopics(2, plainTopic, throttledTopic, silentTopic, heldTopic),
		kfake.ListenFn(func(network, addr string) (net.Listener, error) {
			l, err := net.Listen(network, addr)
			return &counting{l, &s.accepted}, err
		}),
	}})
	t.Cleanup(s.release) // before the cluster is closed
	s.ControlKey(int16(kmsg.Produce), s.produce)
	return s
}

// counting is a listener that counts who comes.
type counting struct {
	net.Listener

	accepted *atomic.Int64
}

// Accept implements net.Listener.
func (l *counting) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		l.accepted.Add(1)
	}
	return c, err
}

// produce answers a Produce as its first topic says.
func (s *scripted) produce(r kmsg.Request) (kmsg.Response, error, bool) { //nolint:revive,ireturn // as kfake has it
	s.KeepControl()
	req := r.(*kmsg.ProduceRequest)
	resp := req.ResponseKind().(*kmsg.ProduceResponse)
	switch topic := req.Topics[0]; topic.Topic {
	case failingTopic:
		for _, p := range topic.Partitions {
			answer(resp, topic.Topic, p.Partition, failingCodes[p.Partition].code)
		}
	case throttledTopic:
		resp.ThrottleMillis = throttle
		for _, p := range topic.Partitions {
			answer(resp, topic.Topic, p.Partition, 0)
		}
	case silentTopic:
		return nil, nil, true
	case heldTopic:
		s.mu.Lock()
		gate := s.gate
		s.mu.Unlock()
		if gate != nil {
			s.SleepControl(func() { <-gate })
		}
		return nil, nil, false
	default:
		return nil, nil, false
	}
	return resp, nil, true
}

// answer adds the answer for one partition.
func answer(resp *kmsg.ProduceResponse, topic string, partition int32, code int16) {
	t, p := kmsg.NewProduceResponseTopic(), kmsg.NewProduceResponseTopicPartition()
	t.Topic, p.Partition, p.ErrorCode = topic, partition, code
	t.Partitions = append(t.Partitions, p)
	resp.Topics = append(resp.Topics, t)
}

// hold has what comes to heldTopic wait, and release has it and what comes be answered.
func (s *scripted) hold() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gate = make(chan struct{})
}

func (s *scripted) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gate != nil {
		close(s.gate)
		s.gate = nil
	}
}

// stored is where a partition of the scripted cluster ends.
func (s *scripted) stored(topic string, partition int32) (int64, error) {
	p := s.PartitionInfo(topic, partition)
	if p == nil {
		return 0, fmt.Errorf("there is no %s/%d", topic, partition)
	}
	return p.HighWatermark, nil
}
