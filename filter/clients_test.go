package filter_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/status"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire/wiretest"
	"github.com/kafkamesh/envoy-kafka-mesh/test/bubble"
)

// versions asks for versions as a client of a software does.
func versions(name, id string) []byte {
	r := kmsg.NewPtrApiVersionsRequest()
	r.ClientSoftwareName, r.ClientSoftwareVersion = name, "1.0"
	return wiretest.Frame(wire.KeyApiVersions, 3, 1, id, r)
}

// topics asks for a topic, which may be created or not.
func topics(id string, create bool) []byte {
	r := kmsg.NewPtrMetadataRequest()
	r.Topics, r.AllowAutoTopicCreation = []kmsg.MetadataRequestTopic{{Topic: new("apples")}}, create
	return wiretest.Frame(wire.KeyMetadata, 9, 1, id, r)
}

// Clients are counted by the software that they name, once for each connection, and no longer when they are gone.
func TestSoftwareIsCounted(t *testing.T) {
	t.Parallel()
	withMesh(t, twoClusters, func(m *mesh) {
		want := func(when, label string, connections, active int64) {
			t.Helper()
			for metric, n := range map[string]int64{"connections": connections, "connections_active": active} {
				if got := m.metric("clients." + label + "." + metric); got != n {
					t.Errorf("%s: clients.%s.%s = %d, want %d", when, label, metric, got, n)
				}
			}
		}
		c := m.connect()
		want("connected", "unnamed", 0, 1)
		c.session.Data(versions("librdkafka", "rdkafka"))
		want("it has said who it is", "unnamed", 0, 0)
		want("it has said who it is", "librdkafka", 1, 1)
		c.session.Data(versions("kgo", "kgo"))
		c.session.Data(produce(2, "apples"))
		want("it says that it is another", "librdkafka", 1, 1)
		want("it says that it is another", "kgo", 0, 0)
		old, silent, own := m.connectTo(1), m.connect(), m.connect()
		old.session.Data(produce(1, "apples"))
		own.session.Data(versions("our-own-client", "x"))
		want("three more", "unnamed", 1, 2)
		want("three more", "other", 1, 1)
		for _, c := range []*client{c, old, silent, own} {
			c.session.Closed()
		}
		want("all gone", "unnamed", 2, 0)
		want("all gone", "librdkafka", 1, 0)
		want("all gone", "other", 1, 0)
	})
}

// Clients that need what is not listed go without a word. The log says what they may have wanted, once a minute for each software.
func TestThoseThatLeave(t *testing.T) {
	t.Parallel()
	const login, calls, anything = "as its software does when it is to log in", "as its software's administrators do", "as clients do that are to log in"
	for _, tt := range []struct {
		name string
		asks [][]byte
		want string // empty: nothing is said
	}{
		{"librdkafka with SASL", [][]byte{versions("librdkafka", "rdkafka")}, login},
		{"Java's administrator", [][]byte{versions("apache-kafka-java", "adminclient-1")}, calls},
		{"franz-go, which asks twice", [][]byte{versions("kgo", "kgo"), versions("kgo", "kgo")}, calls},
		{"sarama", [][]byte{versions("sarama", "sarama")}, anything},
		{"one that does not say", [][]byte{wiretest.Frame(wire.KeyApiVersions, 0, 1, "kafkajs", kmsg.NewPtrApiVersionsRequest())}, anything},
		{"librdkafka's consumer", [][]byte{versions("librdkafka", "rdkafka"), topics("rdkafka", false)}, ""},
		{"librdkafka's list of topics", [][]byte{versions("librdkafka", "rdkafka"), topics("rdkafka", true)}, ""},
		{"another's that creates no topics", [][]byte{versions("kgo", "kgo"), topics("kgo", false)}, ""},
		{"Java's list of topics", [][]byte{versions("apache-kafka-java", "adminclient-1"), topics("adminclient-1", true)}, ""},
		{"Java's producer", [][]byte{versions("apache-kafka-java", "producer-1"), topics("producer-1", true)}, ""},
		{"a producer", [][]byte{versions("librdkafka", "rdkafka"), produce(1, "apples")}, ""},
		{"one that was refused something", [][]byte{produce(1, "zebras"), nil, versions("apache-kafka-java", "test")}, ""},
		{"a probe", nil, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			withMesh(t, twoClusters, func(m *mesh) {
				for range 3 {
					c := m.connect()
					leave := func() {
						c.isClosed() // all is answered
						c.session.End()
						c.session.Closed()
					}
					for _, request := range tt.asks {
						if c.session.Data(request); request == nil { // the next is asked on another connection
							leave()
							c = m.connect()
						}
					}
					leave()
				}
				lines := strings.Count(m.log(), "level=INFO msg=\"a client left after asking for")
				if (lines == 1) != (tt.want != "") || !strings.Contains(m.log(), tt.want) {
					t.Errorf("%d lines, want one with %q, or none for nothing:\n%s", lines, tt.want, m.log())
				}
			})
		})
	}
}

// Of those whose connections their host ends, nothing is guessed; of those that have said that they are done, it is.
func TestThoseWhoseHostHangsUpDoNotLeave(t *testing.T) {
	t.Parallel()
	for name, done := range map[string]bool{"the host": false, "the client": true} {
		withMesh(t, twoClusters, func(m *mesh) {
			c := m.connect()
			c.session.Data(versions("librdkafka", "rdkafka"))
			c.isClosed() // all is answered
			if done {
				c.session.End()
			}
			c.session.HungUp()
			c.session.End()
			c.session.Closed()
			if left := strings.Contains(m.log(), "a client left after asking for"); left != done {
				t.Errorf("%s ends the connection: it left %t, want %t:\n%s", name, left, done, m.log())
			}
		})
	}
}

// Of those whose connections we end, nothing is guessed.
func TestThoseThatAreIdleDoNotLeave(t *testing.T) {
	t.Parallel()
	withMesh(t, twoClusters, func(m *mesh) {
		c := m.connect()
		c.session.Data(versions("librdkafka", "rdkafka"))
		bubble.Advance(time.Hour)
		if !c.isClosed() {
			t.Error("an idle client is not closed")
		}
		c.session.Closed()
		if log := m.log(); strings.Contains(log, "left") {
			t.Errorf("the log is\n%s", log)
		}
	})
}

// What is known of the clients: the busiest, their software, what was refused, and what they asked for.
func TestClientsAreKnown(t *testing.T) {
	t.Parallel()
	withMesh(t, twoClusters, func(m *mesh) {
		for i := range 40 { // each sends more than the one before
			c := m.connectFrom(i%2, fmt.Sprintf("10.0.0.%d:1", 10+i))
			c.session.Data(versions("kgo", fmt.Sprint("client-", i)))
			for range i {
				c.session.Data(produce(1, "apples"))
			}
		}
		asks := m.connectFrom(0, "10.0.0.1:1")
		asks.session.Data(versions("librdkafka", "rdkafka"))
		for range 1000 {
			asks.session.Data(versions("librdkafka", "rdkafka"))
		}
		asks.session.Data(produce(1, "zebras"))
		bubble.Advance(10 * time.Second)
		asks.session.Data(produce(2, "zebras"))
		asks.session.Data([]byte{0, 0, 0, 10, 0, 30, 0, 0, 0, 0, 0, 1, 0, 0})
		asks.isClosed()
		c := m.filter.Clients()
		if c.Connected != 41 || c.Total != 41 || len(c.Busiest) != 20 {
			t.Errorf("%d connected of %d, %d busiest; want 41, 41, 20", c.Connected, c.Total, len(c.Busiest))
		}
		first := c.Busiest[slices.IndexFunc(c.Busiest, func(c status.Client) bool { return c.Address == "10.0.0.1:1" })]
		if first.Requests != 1003 || first.RequestsPerSecond < 100 || first.BytesPerSecond < 1000 {
			t.Errorf("who has sent most requests is %+v", first)
		}
		if !slices.IsSortedFunc(c.Busiest, func(a, b status.Client) int { return int(b.BytesPerSecond - a.BytesPerSecond) }) {
			t.Errorf("the busiest are not in order: %+v", c.Busiest)
		}
		times := cmp.Options{cmpopts.IgnoreTypes(time.Time{}), cmpopts.IgnoreFields(status.Software{}, "Bytes")}
		want := []status.Software{
			{Name: "kgo", Connected: 40, Total: 40, Requests: 40 + 39*40/2},
			{Name: "librdkafka", Connected: 1, Total: 1, Requests: 1003},
		}
		if diff := cmp.Diff(want, c.Software, times); diff != "" {
			t.Errorf("software (-want +got):\n%s", diff)
		}
		unmatched := []status.Unmatched{{Topic: "zebras", Client: "10.0.0.1:1", ClientID: "test", Software: "librdkafka 1.0", Times: 2}}
		if diff := cmp.Diff(unmatched, c.Unmatched, times); diff != "" || c.Unmatched[0].Last.Sub(c.Unmatched[0].First) != 10*time.Second {
			t.Errorf("unmatched topics (-want +got):\n%s%+v", diff, c.Unmatched)
		}
		refusals := []status.Refusal{{Kind: "administrators", API: "CreateACLs", Client: "10.0.0.1:1", ClientID: "test", Software: "librdkafka 1.0", Times: 1}}
		if diff := cmp.Diff(refusals, c.Refusals, times); diff != "" {
			t.Errorf("refusals (-want +got):\n%s", diff)
		}
		closings := []status.Closing{{
			Kind: "unknown_api", Reason: "unknown_api: api key 30 (CreateACLs) version 0 is not served",
			Client: "10.0.0.1:1", ClientID: "test", Software: "librdkafka 1.0",
		}}
		if diff := cmp.Diff(closings, c.Closings, times); diff != "" {
			t.Errorf("closings (-want +got):\n%s", diff)
		}
	})
}

// How busy a client is, is of late, if somebody looks.
func TestBusyOfLate(t *testing.T) {
	t.Parallel()
	withMesh(t, twoClusters, func(m *mesh) {
		c := m.connect()
		send := func(n int) float64 {
			for range n {
				c.session.Data(produce(1, "apples"))
			}
			bubble.Advance(30 * time.Second)
			return m.filter.Clients().Busiest[0].RequestsPerSecond
		}
		for i, want := range []float64{20, 10, 6, 0, 1, 2} {
			sent := []int{600, 0, 0, 0, 120, 0}[i]
			if got := send(sent); math.Floor(got) != want {
				t.Errorf("after %d half minutes: %v requests a second, want %v", i+1, got, want)
			}
		}
	})
}

// Whoever looks disturbs nobody.
func TestHammerClients(t *testing.T) {
	t.Parallel()
	withMesh(t, twoClusters, func(m *mesh) {
		var all sync.WaitGroup
		for worker := range 4 {
			all.Go(func() {
				for i := range 100 {
					c := m.connectFrom(worker, fmt.Sprintf("10.0.%d.%d:1", worker, i))
					c.session.Data(versions([]string{"kgo", "sarama", fmt.Sprint("own-", i)}[i%3], fmt.Sprint("client-", i)))
					c.session.Data(produce(1, fmt.Sprint("zebras-", i)))
					c.session.Data(produce(2, "apples"))
					if i%4 == 0 {
						c.session.Data([]byte{0, 0, 0, 10, 0, 30, 0, 0, 0, 0, 0, 1, 0, 0})
					}
					c.session.Closed()
				}
			})
			all.Go(func() {
				for range 100 {
					m.filter.Clients()
				}
			})
		}
		all.Wait()
		m.log() // nothing is in flight any more
		if c := m.filter.Clients(); c.Connected != 0 || c.Total != 400 || len(c.Closings) != 50 || len(c.Unmatched) != 100 || len(c.Refusals) != 3 {
			t.Errorf("%d connected of %d, %d closings, %d topics, %d refusals; want 0, 400, 50, 100, 3",
				c.Connected, c.Total, len(c.Closings), len(c.Unmatched), len(c.Refusals))
		}
	})
}
