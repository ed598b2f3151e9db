package filter_test

import (
	"encoding/binary"
	"log/slog"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/config"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/session"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats/statstest"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/upstreamtest"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire/wiretest"
	"github.com/kafkamesh/envoy-kafka-mesh/test/bubble"
)

const twoClusters = `
advertised_host: mesh.example
advertised_port: 9092
upstream_clusters:
- {cluster_name: c1, bootstrap_servers: "broker:9092"}
- {cluster_name: c2, bootstrap_servers: "broker:9092"}
forwarding_rules:
- {target_cluster: c1, topic_prefix: apples}
- {target_cluster: c2, topic_prefix: bananas}
`

// mesh is a filter before two scripted clusters of one broker each.
type mesh struct {
	t      *testing.T
	c1, c2 *upstreamtest.Cluster
	filter *filter.Filter
	stats  *stats.Set
	said   said
	level  slog.LevelVar
	users  users
}

// said is a log.
type said struct {
	mu   sync.Mutex
	text []byte
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text = append(s.text, p...)
	return len(p), nil
}

// log is what the filter has logged.
func (m *mesh) log() string {
	synctest.Wait()
	m.said.mu.Lock()
	defer m.said.mu.Unlock()
	return string(m.said.text)
}

// withMesh runs f with fake time and a filter of the given configuration.
func withMesh(t *testing.T, text string, f func(m *mesh)) {
	t.Helper()
	withMeshOf(t, text, 1, f)
}

// withMeshOf is withMesh before clusters of so many brokers.
func withMeshOf(t *testing.T, text string, brokers int32, f func(m *mesh)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		m := newMesh(t, text, int(brokers))
		f(m)
		m.filter.Close()
		for id := range brokers {
			m.c1.Cut(id + 1)
			m.c2.Cut(id + 1)
		}
	})
}

// newMesh makes a mesh before clusters of so many brokers.
func newMesh(t *testing.T, text string, brokers int) *mesh {
	t.Helper()
	c, err := config.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	m := &mesh{t: t, c1: upstreamtest.New(brokers), c2: upstreamtest.New(brokers), stats: stats.New(filter.Metrics(c))}
	m.c1.CreateTopic("apples", 1, 1)
	m.c2.CreateTopic("bananas", 1)
	m.filter, err = filter.New(c, filter.Options{
		NewClient: func(s upstream.Settings) (upstream.Client, error) {
			return m.users.reach(s, map[string]*upstreamtest.Cluster{"c1": m.c1, "c2": m.c2}[s.Name])
		},
		Stats: m.stats,
		Log:   slog.New(slog.NewTextHandler(&m.said, &slog.HandlerOptions{Level: &m.level})),

		ReleaseAfter: time.Minute,
		TellsHost:    true,
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func (m *mesh) metric(name string) int64 {
	m.t.Helper()
	return statstest.Value(m.t, m.stats, name)
}

// client is a scripted client's connection: a session and what it was sent.
type client struct {
	t       *testing.T
	session *session.Session

	mu     sync.Mutex
	got    []byte
	writes int
	limit  int    // more than this is too much; 0: nothing is
	bug    string // the method that panics
	closed bool
	gone   bool // at once
	paused bool
	pauses int
}

var _ session.Conn = (*client)(nil)

func (m *mesh) connect() *client { return m.connectTo(0) }

func (m *mesh) connectTo(worker int) *client { return m.connectFrom(worker, "10.0.0.1:999") }

func (m *mesh) connectFrom(worker int, remote string) *client {
	c := &client{t: m.t}
	c.session = m.filter.NewSession(worker, session.Peer{Remote: remote, LocalHost: "10.0.0.2", LocalPort: 19092}, c)
	return c
}

func (c *client) Writev(parts [][]byte, sent func()) bool {
	if sent != nil {
		defer sent()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.meet("Write")
	for _, p := range parts {
		c.got = append(c.got, p...)
	}
	c.writes++
	return c.limit > 0 && len(c.got) > c.limit
}

func (c *client) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	c.meet("Close")
}

func (c *client) Abort() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed, c.gone = true, true
	c.meet("Abort")
}

func (c *client) PauseReads(pause bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.meet("PauseReads")
	c.paused = pause
	if pause {
		c.pauses++
	}
}

// meet meets the bug if it is in a method.
func (c *client) meet(method string) {
	if c.bug == method {
		panic("bug in " + method)
	}
}

// push hands over the next bytes of p, in one of the ways that hosts have, and returns how many.
func (c *client) push(rnd *rand.Rand, p []byte) int {
	n := min(len(p), 1+rnd.IntN(32<<10))
	switch rnd.IntN(3) {
	case 0:
		took := 0
		if c.session.Fill(func(room []byte) int {
			took = copy(room, p[:n*rnd.IntN(2)]) // or nothing has come
			return took
		}) {
			return took
		}
	case 1:
		c.session.DataMore(p[:n/2])
		c.session.Data(p[n/2 : n])
		return n
	}
	c.session.Data(p[:n])
	return n
}

// answers waits until nothing moves any more and returns the correlation ids and frames received so far.
func (c *client) answers() (ids []int32, frames [][]byte) {
	c.t.Helper()
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.parse()
}

// parse takes the answers apart. c.mu is held.
func (c *client) parse() (ids []int32, frames [][]byte) {
	for rest := c.got; len(rest) > 0; {
		n := 4 + int(binary.BigEndian.Uint32(rest))
		ids = append(ids, int32(binary.BigEndian.Uint32(rest[4:])))
		frames = append(frames, rest[:n])
		rest = rest[n:]
	}
	return ids, frames
}

// wait waits until the client is not paused; false: it is closed.
func (c *client) wait() bool {
	for {
		c.mu.Lock()
		paused, closed := c.paused, c.closed
		c.mu.Unlock()
		if closed || !paused {
			return !closed
		}
		bubble.Advance(time.Millisecond)
	}
}

// waitAnswers waits until the client has n answers, for a minute or until it is closed. It may be called from any goroutine.
func (c *client) waitAnswers(n int) (ids []int32, ok bool) {
	for range 60_000 {
		c.mu.Lock()
		ids, _ = c.parse()
		closed := c.closed
		c.mu.Unlock()
		if closed || len(ids) >= n {
			return ids, true
		}
		bubble.Advance(time.Millisecond)
	}
	return ids, false
}

func (c *client) wantAnswers(want ...int32) [][]byte {
	c.t.Helper()
	ids, frames := c.answers()
	if len(ids) != len(want) {
		c.t.Fatalf("answers %v, want %v", ids, want)
	}
	for i := range want {
		if ids[i] != want[i] {
			c.t.Fatalf("answers %v, want %v", ids, want)
		}
	}
	return frames
}

func (c *client) isClosed() bool {
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

func (c *client) isPaused() bool {
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.paused
}

func batch() []byte { return wiretest.Batch{Records: wiretest.Records(2, 100)}.Bytes() }

func produce(id int32, topic string) []byte {
	return wiretest.ProduceFrame(9, id, "test", topic, batch())
}

func produceApples(id int32, acks int16, partition int32, records []byte) []byte {
	r := kmsg.NewPtrProduceRequest()
	r.Acks, r.TimeoutMillis = acks, 1000
	t := kmsg.NewProduceRequestTopic()
	t.Topic = "apples"
	p := kmsg.NewProduceRequestTopicPartition()
	p.Partition, p.Records = partition, records
	t.Partitions = append(t.Partitions, p)
	r.Topics = append(r.Topics, t)
	return wiretest.Frame(wire.KeyProduce, 9, id, "test", r)
}

func apiVersions(id int32) []byte {
	r := kmsg.NewPtrApiVersionsRequest()
	r.ClientSoftwareName, r.ClientSoftwareVersion = "test-client", "1.0"
	return wiretest.Frame(wire.KeyApiVersions, 3, id, "test", r)
}

func address(b kmsg.MetadataResponseBroker) string {
	return net.JoinHostPort(b.Host, strconv.Itoa(int(b.Port)))
}
