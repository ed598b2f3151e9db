package filter_test

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire/wiretest"
	"github.com/kafkamesh/envoy-kafka-mesh/test/bubble"
)

// asClientIDs is two clusters of which the second sees who clients are by their client ids.
func asClientIDs(limits string) string {
	return strings.Replace(twoClusters, `{cluster_name: c2, bootstrap_servers: "broker:9092"}`,
		`{cluster_name: c2, bootstrap_servers: "broker:9092", identity: {client_id: {}}}`, 1) +
		"\nauthentication: {tls: {from: FROM_SUBJECT}}\nlimits: {" + limits + "}\n"
}

// connectAs connects a client that a certificate calls so.
func (m *mesh) connectAs(principal string) *client {
	c := m.connect()
	c.session.Certified("", "", principal)
	return c
}

// TestClientIDs has a cluster see clients by their client ids: their batches never share a request.
func TestClientIDs(t *testing.T) {
	t.Parallel()
	withMesh(t, asClientIDs(""), func(m *mesh) {
		m.c2.Stall(1, true)
		var all []*client
		for i := range 6 {
			c := m.connectAs("team-" + strconv.Itoa(i%2))
			c.session.Data(produce(1, "bananas"))
			c.session.Data(produce(2, "apples"))
			all = append(all, c)
		}
		m.log() // everything waits
		m.c2.Stall(1, false)
		for _, c := range all {
			for _, frame := range c.wantAnswers(1, 2) {
				if code := producedCode(t, frame); code != wire.None {
					t.Errorf("answered with %s", code)
				}
			}
		}
		for id, n := range m.c2.ClientIDs(wire.KeyProduce) {
			if id != "team-0/kafkamesh" && id != "team-1/kafkamesh" || n > 3 {
				t.Errorf("%d requests of client id %q", n, id)
			}
		}
		if got := m.c1.ClientIDs(wire.KeyProduce); len(got) != 1 || got["kafkamesh"] == 0 {
			t.Errorf("the other cluster has seen %v, want kafkamesh alone", got)
		}
		if got, of := m.metric("cluster.c2.identities"), m.filter.Status().Clusters; got != 2 || of[1].Identity != "client_id" || of[1].Identities != 2 || of[0].Identity != "" {
			t.Errorf("%d identities, want 2; status %+v", got, of)
		}
		for _, c := range all {
			c.session.Closed()
		}
		bubble.Advance(5*time.Minute + time.Second)
		if got := m.metric("cluster.c2.identities"); got != 0 {
			t.Errorf("%d identities though nobody has been there for long", got)
		}
	})
}

// TestTooManyIdentities refuses who would be one more, as long as the others are there.
func TestTooManyIdentities(t *testing.T) {
	t.Parallel()
	withMesh(t, asClientIDs("max_identities_per_worker: 2"), func(m *mesh) {
		first, second, third := m.connectAs("a"), m.connectAs("b"), m.connectAs("c")
		codes := func(c *client, id int32) (bananas, apples wire.ErrorCode) {
			c.got = nil
			c.session.Data(produce(id, "bananas"))
			c.session.Data(produce(id+1, "apples"))
			frames := c.wantAnswers(id, id+1)
			return producedCode(t, frames[0]), producedCode(t, frames[1])
		}
		for i, c := range []*client{first, second, third} {
			want := wire.None
			if c == third {
				want = wire.TopicAuthorizationFailed
			}
			if bananas, apples := codes(c, 1); bananas != want || apples != wire.None {
				t.Errorf("client %d: %s and %s, want %s and NONE", i, bananas, apples, want)
			}
		}
		if !strings.Contains(m.log(), "principal=c") || m.metric("cluster.c2.identity_refusals") == 0 {
			t.Errorf("it is not told who is refused: %s", m.log())
		}
		first.session.Closed()
		if bananas, _ := codes(third, 3); bananas != wire.None {
			t.Errorf("%s though there is room", bananas)
		}
	})
}

// TestHammerIdentities has clients of more identities than there may be come and go, and the mesh be closed under them.
func TestHammerIdentities(t *testing.T) {
	t.Parallel()
	withMesh(t, asClientIDs("max_identities_per_worker: 3, identities_max_idle_ms: 1000"), func(m *mesh) {
		var wg sync.WaitGroup
		for i := range uint64(12) {
			wg.Go(func() {
				rnd := rand.New(rand.NewPCG(i, 1))
				for range 40 {
					c := m.connectAs("p" + strconv.Itoa(rnd.IntN(8)))
					c.session.Data(produce(1, "bananas"))
					if rnd.IntN(3) > 0 {
						c.waitAnswers(1)
					}
					bubble.Advance(time.Duration(rnd.IntN(1500)) * time.Millisecond)
					if ids, _ := c.waitAnswers(1); len(ids) != 1 {
						t.Errorf("answers %v, want one", ids)
					}
					c.session.Closed()
				}
			})
		}
		wg.Wait()
		if got := m.metric("cluster.c2.identities"); got > 3 {
			t.Errorf("%d identities, want 3 at most", got)
		}
		bubble.Advance(2 * time.Second)
		if got := m.metric("cluster.c2.identities"); got != 0 {
			t.Errorf("%d identities though nobody is there", got)
		}
		m.connectAs("last").session.Data(produce(1, "bananas"))
		m.filter.Close()
		if got := m.metric("cluster.c2.identities"); got != 0 {
			t.Errorf("%d identities though the mesh is closed", got)
		}
	})
}

// TestLongPrincipal has no cluster be told of a name that is too long for a client id.
func TestLongPrincipal(t *testing.T) {
	t.Parallel()
	withMesh(t, asClientIDs("max_identities_per_worker: 1"), func(m *mesh) {
		for range 2 {
			c := m.connectAs(strings.Repeat("x", 256))
			c.session.Data(produce(1, "bananas"))
			if code := producedCode(t, c.wantAnswers(1)[0]); code != wire.TopicAuthorizationFailed {
				t.Errorf("answered with %s", code)
			}
		}
		if dials, _ := m.c2.Calls(); dials != 0 {
			t.Errorf("%d connections for nobody", dials)
		}
	})
}

// producedCode is what a produce of one batch was answered.
func producedCode(t *testing.T, frame []byte) wire.ErrorCode {
	t.Helper()
	_, response, err := wiretest.ParseResponse(wire.KeyProduce, 9, frame)
	if err != nil {
		t.Fatal(err)
	}
	return wire.ErrorCode(response.(*kmsg.ProduceResponse).Topics[0].Partitions[0].ErrorCode)
}

// TestWhatIdentitiesCost has 64 clients write to a broker that needs 2 ms for a request, as one identity and as many. What docs/security.md
// says of it is printed with -v.
func TestWhatIdentitiesCost(t *testing.T) {
	t.Parallel()
	const clients, rounds = 64, 20
	costs := map[int][2]int{} // connections and requests, by the number of identities
	for _, identities := range []int{1, 4, 16, 64} {
		withMesh(t, asClientIDs(""), func(m *mesh) {
			leaders := make([]int32, clients)
			for i := range leaders {
				leaders[i] = 1
			}
			m.c2.DeleteTopic("bananas")
			m.c2.CreateTopic("bananas", leaders...)
			m.c2.Delay(1, 2*time.Millisecond, 0)
			all := make([]*client, clients)
			for i := range all {
				all[i] = m.connectAs(strconv.Itoa(i % identities))
			}
			for round := range int32(rounds) {
				for i, c := range all {
					c.got = nil
					c.session.Data(wiretest.Frame(wire.KeyProduce, 9, round, "test", produceOf("bananas", int32(i))))
				}
				for _, c := range all {
					c.waitAnswers(1)
					if code := producedCode(t, c.wantAnswers(round)[0]); code != wire.None {
						t.Fatalf("answered with %s", code)
					}
				}
			}
			requests := 0
			for _, n := range m.c2.ClientIDs(wire.KeyProduce) {
				requests += n
			}
			costs[identities] = [2]int{int(m.metric("cluster.c2.connects")), requests}
			t.Logf("%d clients, %d identities: %d connections to a broker, %d requests for %d batches", clients, identities,
				costs[identities][0], requests, clients*rounds)
		})
	}
	for identities, cost := range costs {
		if most := 2 * identities; cost[0] > most {
			t.Errorf("%d identities: %d connections, want %d at most, one for batches and one to ask on", identities, cost[0], most)
		}
	}
	if costs[64][1] != clients*rounds || costs[1][1] >= costs[64][1]/2 {
		t.Errorf("requests: %v, want one for each batch where each client has an identity, and far fewer where all have one", costs)
	}
}

// produceOf is a Produce of one batch.
func produceOf(topic string, partition int32) *kmsg.ProduceRequest {
	r := kmsg.NewPtrProduceRequest()
	r.Acks, r.TimeoutMillis = -1, 30_000
	to := kmsg.NewProduceRequestTopic()
	to.Topic = topic
	p := kmsg.NewProduceRequestTopicPartition()
	p.Partition, p.Records = partition, batch()
	to.Partitions = append(to.Partitions, p)
	r.Topics = append(r.Topics, to)
	return r
}
