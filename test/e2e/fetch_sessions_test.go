package e2e

import (
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// TestConsumersHaveSessions has franz-go and Java's consumer read topics of two clusters, while it is looked at what they send: nearly all of
// their Fetch requests go on with a session and name few partitions, and every record comes once. So do the mesh's to the brokers, which
// answer all of them.
func TestConsumersHaveSessions(t *testing.T) {
	t.Parallel()
	p := sharedBrokers(t)
	for _, client := range []string{"franz-go", "java"} {
		t.Run(client, func(t *testing.T) {
			t.Parallel()
			spy := new(fetchSpy)
			relay := stack.NewRelay(t, spy.through)
			g := &group{
				t: t, name: "sessions-of-" + client, topics: []string{"apples-sessions-" + client, "bananas-sessions-" + client},
				clusters: []*stack.KafkaCluster{p.apples, p.bananas},
			}
			for i, k := range g.clusters {
				stack.CreateTopics(t, k.Addr(), stack.TopicOptions{Partitions: sessionPartitions}, g.topics[i])
			}
			mesh := stack.TwoClusters(relay.Addr(), p.apples.Addr(), p.bananas.Addr())
			text, err := mesh.Config() // clients are told of the relay
			stack.Check(t, err)
			mesh.Text, mesh.Addr = text, stack.Addr(t)
			plain := stack.Standalone(t, &mesh)
			relay.Aim(mesh.Addr)
			g.mesh.Addr = relay.Addr()
			one := g.reader(client)
			for range 30 {
				g.produce(16)
				g.await("the records", func() error { return one(g.produced) })
			}
			spy.verify(t, 2*sessionPartitions)
			page, err := stack.Page(t.Context(), http.MethodGet, "http://"+plain.Admin()+"/metrics")
			stack.Check(t, err)
			lost := regexp.MustCompile(`(?m)^\w*fetch_lost\w*\{[^}]*\} (.*)$`).FindAllStringSubmatch(page, -1)
			for _, line := range lost {
				if line[1] != "0" {
					t.Errorf("%s: a broker has ended a connection", line[0])
				}
			}
			if len(lost) != 2 {
				t.Errorf("%d clusters say how many requests were lost, want 2", len(lost))
			}
		})
	}
}

// sessionPartitions are more than the mesh asks for without a session.
const sessionPartitions = 20

// reader has a client read all of a group's topics. It returns what says whether so many records have been read, each once.
func (g *group) reader(client string) func(want int) error {
	g.t.Helper()
	if client == "java" {
		m := g.join(client)
		return func(want int) error {
			if n := len(m.lines("READ ")); n != want {
				return fmt.Errorf("%d of %d records are read", n, want)
			}
			return nil
		}
	}
	from := map[string]map[int32]kgo.Offset{}
	for _, topic := range g.topics {
		from[topic] = map[int32]kgo.Offset{}
		for n := range int32(sessionPartitions) {
			from[topic][n] = kgo.NewOffset().At(0)
		}
	}
	c := stack.Client(g.t, g.mesh.Addr, kgo.ConsumePartitions(from))
	read := 0
	return func(want int) error {
		for read < want {
			fetches := c.PollFetches(g.t.Context())
			if err := fetches.Err(); err != nil {
				return err
			}
			read += fetches.NumRecords()
		}
		if read != want {
			return fmt.Errorf("%d of %d records are read", read, want)
		}
		return nil
	}
}

// fetchSpy looks at the Fetch requests on a relay's connections.
type fetchSpy struct {
	mu                       sync.Mutex
	full, goesOn, partitions int // requests, and what those that go on name
}

func (s *fetchSpy) through(server, client io.Writer) (toServer, toClient io.Writer) {
	return &spiedConn{spy: s, to: server}, client
}

// spiedConn is what a client sends on one connection.
type spiedConn struct {
	spy  *fetchSpy
	to   io.Writer
	sent []byte // of a frame that is not whole
}

func (c *spiedConn) Write(p []byte) (int, error) {
	c.sent = append(c.sent, p...)
	for len(c.sent) >= 4 {
		size := 4 + int(binary.BigEndian.Uint32(c.sent))
		if len(c.sent) < size {
			break
		}
		c.spy.look(c.sent[4:size])
		c.sent = c.sent[size:]
	}
	return c.to.Write(p)
}

// look counts a request.
func (s *fetchSpy) look(frame []byte) {
	version := int16(binary.BigEndian.Uint16(frame[2:]))
	if wire.APIKey(binary.BigEndian.Uint16(frame)) != wire.KeyFetch {
		return
	}
	body := frame[10+int(binary.BigEndian.Uint16(frame[8:])):]
	if version >= wire.ShapeFetch.Flexible {
		body = body[1:] // tagged fields, of which there are none
	}
	r, err := wire.DecodeFetch(version, body)
	if err != nil {
		return // is seen in what is counted
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.SessionEpoch <= wire.SessionInitial {
		s.full++
		return
	}
	s.goesOn++
	for i := range r.Topics {
		s.partitions += len(r.Topics[i].Partitions)
	}
}

// verify wants many requests to go on with a session, and to name few of so many partitions.
func (s *fetchSpy) verify(t *testing.T, all int) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.goesOn < 20 || s.full > s.goesOn/5 || s.partitions >= s.goesOn*all {
		t.Errorf("%d full requests, %d go on with a session and name %d partitions; want few that are full", s.full, s.goesOn, s.partitions)
	}
	t.Logf("%d full requests, %d go on and name %.1f of %d partitions each", s.full, s.goesOn, float64(s.partitions)/float64(max(1, s.goesOn)), all)
}
