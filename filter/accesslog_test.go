package filter_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/accesslog"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire/wiretest"
	"github.com/kafkamesh/envoy-kafka-mesh/test/bubble"
)

var update = flag.Bool("update", false, "rewrite testdata")

// logged is what the access log has.
func (m *mesh) logged(path string) []string {
	m.t.Helper()
	m.filter.Flush()
	raw, err := os.ReadFile(path)
	if err != nil {
		m.t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(raw), "\n"), "\n")
}

// withLog is withMesh with an access log of these criteria.
func withLog(t *testing.T, criteria string, f func(m *mesh, path string)) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "access.log")
	withMesh(t, fmt.Sprintf("%saccess_log: {path: %q%s}\n", twoClusters, path, criteria), func(m *mesh) { f(m, path) })
}

// sent is one request, or more, and what is written of them.
type sent struct {
	name string
	send func(m *mesh, c *client)
}

// everyKind is requests that come to everything that they can come to.
func everyKind() []sent {
	data := func(p ...[]byte) func(*mesh, *client) {
		return func(_ *mesh, c *client) {
			for _, b := range p {
				c.session.Data(b)
			}
		}
	}
	metadata := func(topics ...string) []byte {
		r := kmsg.NewPtrMetadataRequest()
		for _, name := range topics {
			r.Topics = append(r.Topics, kmsg.MetadataRequestTopic{Topic: &name})
		}
		return wiretest.Frame(wire.KeyMetadata, 9, 7, "test", r)
	}
	return []sent{
		{"ApiVersions says which software it is", data(apiVersions(1))},
		{"Metadata of topics that are there, are not, and have no rule", data(metadata("apples", "bananas", "bananas.none", "dates", "b/d"))},
		{"Metadata of all topics", data(metadata())},
		{"a batch", data(produce(2, "apples"))},
		{"batches of two clusters and more topics than are named, two of them without a rule", data(manyTopics())},
		{"a broker takes its time", func(m *mesh, c *client) {
			m.c1.Delay(1, 3*time.Millisecond, 2*time.Millisecond)
			c.session.Data(produce(3, "apples"))
			bubble.Advance(time.Second)
			m.c1.Delay(1, 0, 0)
		}},
		{"an answer waits for the one before it", func(m *mesh, c *client) {
			m.c1.Delay(1, 4*time.Millisecond, 0)
			c.session.Data(produce(4, "apples"))
			c.session.Data(produce(5, "bananas"))
			bubble.Advance(time.Second)
			m.c1.Delay(1, 0, 0)
		}},
		{"a broker refuses", func(m *mesh, c *client) {
			m.c1.Answer("apples", 0, wire.MessageTooLarge)
			c.session.Data(produce(6, "apples"))
		}},
		{"a topic without a rule", data(produce(7, "dates"))},
		{"a batch that is none", data(produceApples(8, -1, 0, []byte("no batch")))},
		{"acks that there are not", data(produceApples(9, 2, 0, batch()))},
		{"acks=0", data(produceApples(10, 0, 0, batch()))},
		{"messages of Kafka 0.8", data(wiretest.ProduceFrame(1, 11, "old", "apples", oldSet()))},
		{"a partition without a leader", func(_ *mesh, c *client) {
			c.session.Data(produceApples(12, -1, 9, batch()))
			bubble.Advance(time.Minute)
		}},
		{"a broker is gone in the middle", func(m *mesh, c *client) {
			m.c1.Stall(1, true)
			c.session.Data(produce(13, "apples"))
			bubble.Advance(5 * time.Millisecond)
			m.c1.Down(1, true)
			m.c1.Stall(1, false)
			bubble.Advance(time.Minute)
			m.c1.Down(1, false)
			bubble.Advance(time.Minute)
		}},
		{"a consumer", data(wiretest.Frame(wire.KeyFetch, 4, 14, "reader", fetch("dates", "dates.2")))},
		{"a transaction", data(wiretest.Frame(wire.KeyInitProducerID, 2, 15, "test", &kmsg.InitProducerIDRequest{
			TransactionalID: new("t"), ProducerID: -1, ProducerEpoch: -1,
		}))},
		{"acks=0 that fails, with a request behind it", func(m *mesh, c *client) {
			m.c1.Answer("apples", 0, wire.NotEnoughReplicas)
			c.session.DataMore(produceApples(16, 0, 0, batch()))
			c.session.Data(produce(17, "apples"))
		}},
		{"an API that is not served", func(m *mesh, _ *client) {
			m.connect().session.Data([]byte{0, 0, 0, 10, 0, 71, 0, 0, 0, 0, 0, 1, 0xff, 0xff})
		}},
		{"TLS", func(m *mesh, _ *client) { m.connect().session.Data([]byte{0x16, 0x03, 0x01, 0x02, 0x00, 0x01}) }},
		{"a client that is gone before its answer", func(m *mesh, _ *client) {
			gone := m.connect()
			m.c1.Stall(1, true)
			gone.session.Data(produce(18, "apples"))
			bubble.Advance(2 * time.Millisecond)
			gone.session.Closed()
			m.c1.Stall(1, false)
		}},
	}
}

// manyTopics is a Produce with batches for seven topics.
func manyTopics() []byte {
	r := kmsg.NewPtrProduceRequest()
	r.Acks, r.TimeoutMillis = 1, 1000
	for _, name := range []string{"dates.1", "apples", "bananas", "bananas.2", "bananas.3", "bananas.4", "dates.2"} {
		t := kmsg.NewProduceRequestTopic()
		t.Topic = name
		p := kmsg.NewProduceRequestTopicPartition()
		p.Records = batch()
		t.Partitions = append(t.Partitions, p)
		r.Topics = append(r.Topics, t)
	}
	return wiretest.Frame(wire.KeyProduce, 9, 19, "test", r)
}

// oldSet is a message set of magic 0 with one message.
func oldSet() []byte {
	m := kmsg.MessageV0{Key: []byte("key"), Value: []byte("value")}
	return wiretest.SealMessage(m.AppendTo(nil))
}

func fetch(topics ...string) *kmsg.FetchRequest {
	r := kmsg.NewPtrFetchRequest()
	for _, name := range topics {
		t := kmsg.NewFetchRequestTopic()
		t.Topic = name
		t.Partitions = append(t.Partitions, kmsg.NewFetchRequestTopicPartition())
		r.Topics = append(r.Topics, t)
	}
	return r
}

// TestAccessLog sends what is answered in every way and wants exactly these lines. Time is fake, and so latencies are exact.
func TestAccessLog(t *testing.T) {
	t.Parallel()
	const file = "testdata/access-log.txt"
	withLog(t, "", func(m *mesh, path string) {
		var got strings.Builder
		c, told := m.connect(), 0
		for _, s := range everyKind() {
			s.send(m, c)
			c.answers()
			lines := m.logged(path)
			fmt.Fprintf(&got, "# %s\n", s.name)
			for _, line := range lines[told:] {
				got.WriteString(short(t, line) + "\n")
			}
			told = len(lines)
		}
		if n := m.metric("access_log.written"); n != int64(told) || m.metric("access_log.dropped") != 0 {
			t.Errorf("access_log.written = %d and .dropped = %d, want %d and 0", n, m.metric("access_log.dropped"), told)
		}
		golden(t, file, got.String())
	})
}

// short is a line without what all have in common. It has to add up.
func short(t *testing.T, line string) string {
	t.Helper()
	var times struct {
		All       int64 `json:"duration_us"`
		Waiting   int64 `json:"waiting_us"`
		Upstream  int64 `json:"upstream_us"`
		Answering int64 `json:"answering_us"`
	}
	if err := json.Unmarshal([]byte(line), &times); err != nil || times.All != times.Waiting+times.Upstream+times.Answering {
		t.Errorf("line %s: %v, or times that do not add up", line, err)
	}
	_, rest, ok := strings.Cut(line, `,"client":"10.0.0.1:999","local_address":"10.0.0.2:19092",`)
	if !ok {
		t.Errorf("line %s lacks addresses", line)
	}
	return rest
}

// TestAccessLogChooses sends slow, failing and other requests with criteria, and wants those lines alone.
func TestAccessLogChooses(t *testing.T) {
	t.Parallel()
	for criteria, want := range map[string]string{
		"":                                    "quick slow failed",
		", share: 1":                          "quick slow failed",
		", failures: true":                    "failed",
		", slower_than_ms: 5":                 "slow",
		", slower_than_ms: 5, failures: true": "slow failed",
		", share: 1e-18, failures: true":      "failed",
	} {
		t.Run(criteria, func(t *testing.T) {
			t.Parallel()
			withLog(t, criteria, func(m *mesh, path string) {
				c := m.connect()
				c.session.Data(wiretest.ProduceFrame(9, 1, "quick", "apples", batch()))
				c.answers()
				m.c1.Delay(1, 6*time.Millisecond, 0)
				c.session.Data(wiretest.ProduceFrame(9, 2, "slow", "apples", batch()))
				bubble.Advance(time.Second)
				m.c1.Delay(1, 0, 0)
				c.session.Data(wiretest.ProduceFrame(9, 3, "failed", "dates", batch()))
				c.answers()
				var got []string
				for _, line := range m.logged(path) {
					_, id, _ := strings.Cut(line, `"client_id":"`)
					id, _, _ = strings.Cut(id, `"`)
					got = append(got, id)
				}
				if strings.Join(got, " ") != want {
					t.Errorf("lines of %v, want %s", got, want)
				}
			})
		})
	}
}

// told is a host that is told what a connection's requests came to.
type told struct{ text strings.Builder }

var _ accesslog.Host = (*told)(nil)

func (h *told) Text(key, value string)         { fmt.Fprintf(&h.text, "%s: %s\n", key, value) }
func (h *told) Number(key string, value int64) { fmt.Fprintf(&h.text, "%s: %d\n", key, value) }
func (h *told) State(key string, value []byte) { fmt.Fprintf(&h.text, "%s: %s\n", key, value) }

// TestTellsHost has connections end in several ways, and wants the host to be told what their requests came to.
func TestTellsHost(t *testing.T) {
	t.Parallel()
	const file = "testdata/connections.txt"
	withMesh(t, twoClusters+"access_log: {}\n", func(m *mesh) {
		var got strings.Builder
		for _, s := range []sent{
			{"a client that has asked for nothing", func(*mesh, *client) {}},
			{"a client that does well", func(_ *mesh, c *client) {
				c.session.Data(apiVersions(1))
				c.session.Data(produce(2, "apples"))
				c.session.Data(produce(3, "bananas"))
				c.session.Data(produce(4, "apples"))
			}},
			{"a client that does not", func(m *mesh, c *client) {
				m.c1.Answer("apples", 0, wire.MessageTooLarge)
				c.session.Data(produce(1, "apples"))
				c.session.Data(manyTopics())
				c.session.Data(produce(2, "dates"))
				c.session.Data(produce(3, "bananas"))
			}},
			{"a client that is closed", func(_ *mesh, c *client) {
				c.session.Data(produceApples(1, 0, 9, batch()))
			}},
			{"a client that is idle", func(_ *mesh, c *client) {
				c.session.Data(apiVersions(1))
				bubble.Advance(time.Hour)
			}},
			{"no client", func(_ *mesh, c *client) { c.session.Data([]byte("GET / HTTP/1.1\r\n\r\n")) }},
			{"a client that leaves before its answers", func(m *mesh, c *client) {
				m.c1.Stall(1, true)
				c.session.Data(produce(1, "apples"))
				c.session.Data(produce(2, "bananas"))
			}},
		} {
			c := m.connect()
			s.send(m, c)
			c.answers()
			h := new(told)
			c.session.TellHost(h)
			c.session.Closed()
			fmt.Fprintf(&got, "# %s\n%s\n", s.name, &h.text)
		}
		m.c1.Stall(1, false)
		golden(t, file, got.String())
	})
}

// TestTellsNoHost tells nothing without an access log.
func TestTellsNoHost(t *testing.T) {
	t.Parallel()
	withMesh(t, twoClusters, func(m *mesh) {
		c := m.connect()
		c.session.Data(apiVersions(1))
		h := new(told)
		c.session.TellHost(h)
		if h.text.Len() > 0 {
			t.Errorf("told %s", &h.text)
		}
	})
}

// golden wants text to be what a file has.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}
