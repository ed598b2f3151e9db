package robust

import (
	"bytes"
	"context"
	"encoding/binary"
	"math/rand/v2"
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/broker"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire/wiretest"
	"github.com/kafkamesh/envoy-kafka-mesh/test/rawkafka"
	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// hiddenHost is where the brokers are that no client may learn of: an address of this machine that nobody else uses.
const hiddenHost = "127.0.0.77"

const hiddenTopic, hiddenPartitions, hiddenNodes = "apples", 6, 3

// hidden is a cluster at hiddenHost.
func hidden(t *testing.T, accepted func(net.Conn)) *stack.FakeCluster {
	t.Helper()
	return stack.Fake(t, stack.FakeOptions{Nodes: hiddenNodes, More: []kfake.Opt{
		kfake.SeedTopics(hiddenPartitions, hiddenTopic),
		kfake.ListenFn(func(network, addr string) (net.Listener, error) {
			_, port, err := net.SplitHostPort(addr)
			if err != nil {
				return nil, err
			}
			l, err := net.Listen(network, net.JoinHostPort(hiddenHost, port))
			return &watchedListener{l, accepted}, err
		}),
	}})
}

type watchedListener struct {
	net.Listener

	accepted func(net.Conn)
}

func (l *watchedListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil && l.accepted != nil {
		l.accepted(c)
	}
	return c, err
}

// move has leaders move, and tells of it as KIP-951 allows: with the address of the new leader.
func move(t *testing.T, c *stack.FakeCluster) {
	t.Helper()
	if err := c.MoveTopicPartition(hiddenTopic, rand.Int32N(hiddenPartitions), rand.Int32N(hiddenNodes)); err != nil {
		t.Fatal(err)
	}
}

// tattle has each broker answer some Produce requests with NOT_LEADER_OR_FOLLOWER and where the leader is.
func tattle(c *stack.FakeCluster) {
	c.ControlKey(int16(wire.KeyProduce), func(r kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		if rand.IntN(3) > 0 {
			return nil, nil, false
		}
		req := r.(*kmsg.ProduceRequest)
		resp := req.ResponseKind().(*kmsg.ProduceResponse)
		for _, topic := range req.Topics {
			t := kmsg.NewProduceResponseTopic()
			t.Topic, t.TopicID = topic.Topic, topic.TopicID
			for _, partition := range topic.Partitions {
				p := kmsg.NewProduceResponseTopicPartition()
				p.Partition, p.ErrorCode, p.BaseOffset = partition.Partition, int16(wire.NotLeaderOrFollower), -1
				p.CurrentLeader.LeaderID, p.CurrentLeader.LeaderEpoch = 1, 7
				t.Partitions = append(t.Partitions, p)
			}
			resp.Topics = append(resp.Topics, t)
		}
		for i, addr := range c.ListenAddrs() {
			b := kmsg.NewProduceResponseBroker()
			host, port, _ := net.SplitHostPort(addr)
			n, _ := strconv.Atoi(port)
			b.NodeID, b.Host, b.Port = int32(i), host, int32(n)
			resp.Brokers = append(resp.Brokers, b)
		}
		return resp, nil, true
	})
}

// traces finds what tells of the cluster's brokers: their host, as text and in four bytes, and their ports, as text and
// as a number.
func traces(c *stack.FakeCluster, b []byte) (found []string) {
	marks := map[string][]byte{"host": []byte(hiddenHost), "host in bytes": net.ParseIP(hiddenHost).To4()}
	for _, addr := range c.ListenAddrs() {
		_, port, _ := net.SplitHostPort(addr)
		n, _ := strconv.Atoi(port)
		marks["port "+port+" as text"] = []byte(port)
		marks["port "+port] = binary.BigEndian.AppendUint32(nil, uint32(n))
	}
	for name, mark := range marks {
		if bytes.Contains(b, mark) {
			found = append(found, name)
		}
	}
	return found
}

// TestNoAnswerNamesABroker reads every byte that clients are sent, while leaders move and brokers tell where to.
func TestNoAnswerNamesABroker(t *testing.T) {
	cluster := hidden(t, nil)
	mesh := meshOf(t, cluster.Addr(), cluster.Addr())
	facade, own := newRecorder(t), newRecorder(t)
	listen := mesh.Addr
	facade.Aim(listen)
	own.Aim(cluster.Addr())
	mesh.Addr = facade.Addr()
	engine(t, &mesh, listen)

	askEverything(t, own.Addr())
	if len(traces(cluster, own.received())) < 4 {
		t.Fatalf("asked themselves, the brokers do not tell where they are: found %v", traces(cluster, own.received()))
	}
	tattle(cluster)
	askEverything(t, facade.Addr())
	client := stack.Client(t, facade.Addr(), kgo.DefaultProduceTopic(hiddenTopic))
	for i := range 300 {
		if i%10 == 0 {
			move(t, cluster)
		}
		client.Produce(t.Context(), kgo.KeyStringRecord(strconv.Itoa(i), "x"), nil)
		time.Sleep(3 * time.Millisecond)
	}
	ctx, cancel := context.WithTimeout(t.Context(), rawkafka.Patience)
	defer cancel()
	if err := client.Flush(ctx); err != nil {
		t.Error(err)
	}
	got := facade.received()
	if len(got) < 10_000 {
		t.Errorf("only %d bytes read", len(got))
	}
	if found := traces(cluster, got); len(found) > 0 {
		t.Errorf("answers tell of brokers: %v", found)
	}
}

// askEverything asks for metadata and produces in every version.
func askEverything(t *testing.T, addr string) {
	t.Helper()
	p := dial(t, addr)
	for _, api := range broker.APIs() {
		for v := api.Min; v <= api.Max; v++ {
			switch api.Key {
			case wire.KeyMetadata:
				r := kmsg.NewPtrMetadataRequest()
				r.Topics = nil
				if v == 0 {
					r.Topics = []kmsg.MetadataRequestTopic{}
				}
				p.SendBytes(wiretest.Frame(api.Key, v, 1, clientID, r))
			case wire.KeyFindCoordinator:
				r := kmsg.NewPtrFindCoordinatorRequest()
				r.CoordinatorKey, r.CoordinatorKeys = "g", []string{"g"}
				p.SendBytes(wiretest.Frame(api.Key, v, 1, clientID, r))
			case wire.KeyProduce:
				if v < 3 {
					continue
				}
				batch := wiretest.Batch{Records: wiretest.Records(1, 10)}.Bytes()
				for range 5 {
					p.SendBytes(wiretest.ProduceFrame(v, 1, clientID, hiddenTopic, batch, batch, batch))
					p.ReceiveFrame()
				}
				continue
			default:
				continue
			}
			p.ReceiveFrame()
		}
	}
}

// received is everything that clients were sent.
func (r *recorder) received() (all []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.conns {
		all = append(all, c.received.Bytes()...)
	}
	return all
}
