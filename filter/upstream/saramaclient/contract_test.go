package saramaclient_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/cork"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/order"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats/statstest"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/link"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/saramaclient"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/topology"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire/wiretest"
)

// patience is how long a batch may wait, in milliseconds.
const patience = 60_000

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// These tests are the contract with sarama: the take-over leans on how its version works inside. A new version of
// sarama has to pass them.

func cluster(t *testing.T, opts ...kfake.Opt) (c *kfake.Cluster, s upstream.Settings) {
	t.Helper()
	c, err := kfake.NewCluster(append(opts, kfake.NumBrokers(3))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c, upstream.Settings{
		Name: "c1", BootstrapServers: c.ListenAddrs()[:1], ClientID: "contract",
		RequestTimeout: 30 * time.Second, MetadataMaxAge: 15 * time.Minute,
	}
}

//nolint:ireturn // as New gives it
func newClient(t *testing.T, s upstream.Settings) upstream.Client {
	t.Helper()
	client, err := saramaclient.New(s)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func newPool(t *testing.T, s upstream.Settings) *upstream.Cluster {
	t.Helper()
	client, err := saramaclient.New(s)
	if err != nil {
		t.Fatal(err)
	}
	st := statstest.New(s.Name).Cluster(s.Name)
	pool := upstream.New(s, client, upstream.Thread{Cork: new(cork.Cork)}, st, slog.New(slog.DiscardHandler))
	t.Cleanup(func() { pool.Close(context.WithoutCancel(t.Context())) })
	return pool
}

// listener is what a map tells.
type listener chan topology.News

func (l listener) Learned(n *topology.News)              { l <- *n }
func (listener) Impatient()                              {}
func (listener) InUse(time.Time, time.Duration) []string { return nil }

// newMap returns a map of the cluster that a client reaches, and what it tells.
func newMap(t *testing.T, s upstream.Settings) (*topology.Map, listener) {
	t.Helper()
	told := make(listener, 100)
	m := topology.New(topology.Settings{
		Cluster: s.Name, Link: link.Settings{ClientID: s.ClientID}, MaxAge: time.Minute, Backoff: time.Millisecond, BackoffMax: time.Second,
		Bootstrap: func(context.Context) []string { return s.BootstrapServers }, Refreshed: func() {},
	}, newClient(t, s))
	m.Start(told)
	t.Cleanup(m.Close)
	return m, told
}

// ask asks for topics, and returns what clients and what the owner are told.
func ask(m *topology.Map, told listener, names []string, create bool) ([]wire.Topic, topology.News) {
	got := make(chan []wire.Topic, 1)
	m.Topics(names, create, func(topics []wire.Topic) { got <- topics })
	return <-got, <-told
}

func TestMetadata(t *testing.T) {
	t.Parallel()
	_, s := cluster(t, kfake.SeedTopics(4, "apples"), kfake.AllowAutoTopicCreation(), kfake.DefaultNumPartitions(2))
	m, told := newMap(t, s)
	topics, news := ask(m, told, []string{"apples", "missing"}, false)
	if news.Err != nil {
		t.Fatal(news.Err)
	}
	if len(news.Brokers) != 3 || len(topics) != 2 {
		t.Fatalf("%d brokers, topics %+v; want 3 and 2", len(news.Brokers), topics)
	}
	for _, topic := range topics {
		switch topic.Name {
		case "apples":
			if topic.Code != wire.None || len(topic.Partitions) != 4 || topic.ID == [16]byte{} {
				t.Errorf("apples: %+v", topic)
			}
			for i, p := range topic.Partitions {
				if int(p.Index) != i || news.Brokers[p.Leader] == "" {
					t.Errorf("apples partition %d: %+v", i, p)
				}
			}
		case "missing":
			if topic.Code != wire.UnknownTopicOrPartition {
				t.Errorf("missing: %+v", topic)
			}
		}
	}
	if topics, news = ask(m, told, []string{"new"}, true); news.Err != nil || len(topics) != 1 {
		t.Fatalf("creating: %+v, %v", topics, news.Err)
	}
	if topics, news = ask(m, told, nil, false); news.Err != nil || len(topics) != 2 {
		t.Errorf("all topics: %+v, %v; want apples and new", topics, news.Err)
	}
}

// A cluster is found through any of its bootstrap servers, and through its other brokers when the one in use goes.
func TestMetadataTriesEveryBroker(t *testing.T) {
	t.Parallel()
	dead, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := dead.Addr().String()
	_ = dead.Close()
	c, s := cluster(t, kfake.SeedTopics(1, "apples"))
	s.BootstrapServers = append([]string{address}, s.BootstrapServers...)
	m, told := newMap(t, s)
	if _, news := ask(m, told, nil, false); news.Err != nil {
		t.Fatal(news.Err)
	}
	var once atomic.Bool
	c.ControlKey(int16(kmsg.Metadata), func(kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		if once.CompareAndSwap(false, true) {
			return nil, io.EOF, true // the connection in use is closed
		}
		return nil, nil, false
	})
	if _, news := ask(m, told, nil, false); news.Err != nil {
		t.Errorf("after the connection in use was closed: %v", news.Err)
	}
}

func TestNobodyAnswers(t *testing.T) {
	t.Parallel()
	deaf, err := net.Listen("tcp", "127.0.0.1:0") // accepts, and never says a word
	if err != nil {
		t.Fatal(err)
	}
	defer deaf.Close()
	client := newClient(t, upstream.Settings{Name: "c1", BootstrapServers: []string{deaf.Addr().String()}, ClientID: "x"})
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := client.Dial(ctx, deaf.Addr().String()); err == nil {
		t.Error("Dial of a deaf broker: no error")
	}
}

// Every codec's batch arrives as the client sent it, but for the offset and the epoch that the broker writes into it.
func TestBatchesArriveByteForByte(t *testing.T) {
	t.Parallel()
	_, s := cluster(t, kfake.SeedTopics(5, "apples"))
	pool := newPool(t, s)
	for codec := kgo.CodecNone; codec <= kgo.CodecZstd; codec++ {
		sent := wiretest.Batch{
			Codec: codec, Records: wiretest.Records(100, 200), Producer: &wiretest.Producer{ID: 1<<61 | 42, Sequence: 0},
		}.Bytes()
		b := &wire.Batch{Topic: "apples", Partition: int32(codec), Records: bytes.Clone(sent)}
		done := make(chan struct{})
		pool.Produce(new(order.Fences), []*wire.Batch{b}, -1, patience, func(int32) { close(done) })
		<-done
		if b.Result.Code != wire.None || b.Result.BaseOffset != 0 {
			t.Fatalf("codec %d: %+v", codec, b.Result)
		}
		got := fetch(t, s.BootstrapServers, int32(codec))
		clear(sent[:8]) // base offset
		clear(got[:8])
		clear(sent[12:16]) // partition leader epoch
		clear(got[12:16])
		if !bytes.Equal(got, sent) {
			t.Errorf("codec %d: %d bytes stored differ from %d bytes sent", codec, len(got), len(sent))
		}
	}
}

// fetch returns what stands in a partition of apples, as the broker keeps it.
func fetch(t *testing.T, seeds []string, partition int32) []byte {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(seeds...))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	request := kmsg.NewPtrFetchRequest()
	request.Version, request.MaxBytes = 12, 1<<20
	topic := kmsg.NewFetchRequestTopic()
	topic.Topic = "apples"
	p := kmsg.NewFetchRequestTopicPartition()
	p.Partition, p.PartitionMaxBytes = partition, 1<<20
	topic.Partitions = append(topic.Partitions, p)
	request.Topics = append(request.Topics, topic)
	meta, err := kmsg.NewPtrMetadataRequest().RequestWith(t.Context(), client)
	if err != nil {
		t.Fatal(err)
	}
	for _, broker := range meta.Brokers { // the leader answers, the others refuse
		response, err := client.Broker(int(broker.NodeID)).Request(t.Context(), &versioned{request})
		if err != nil {
			t.Fatal(err)
		}
		if got := response.(*kmsg.FetchResponse).Topics[0].Partitions[0]; got.ErrorCode == 0 {
			return got.RecordBatches
		}
	}
	t.Fatal("no broker leads the partition")
	return nil
}

// versioned keeps a Fetch at version 12, the last that names topics by name.
type versioned struct{ *kmsg.FetchRequest }

func (*versioned) MaxVersion() int16 { return 12 }

// Two thousand idempotent batches in a row, with the lane's window full all the time, arrive in sequence: the broker
// would refuse any other order.
func TestPipelinedSequences(t *testing.T) {
	t.Parallel()
	_, s := cluster(t, kfake.SeedTopics(1, "apples"))
	pool := newPool(t, s)
	const n = 2000
	batches := make([]*wire.Batch, n)
	done := make(chan struct{}, n)
	client := new(order.Fences)
	for i := range batches {
		producer := &wiretest.Producer{ID: 1<<61 | 7, Sequence: int32(i)}
		batches[i] = &wire.Batch{Topic: "apples", Records: wiretest.Batch{Records: wiretest.Records(1, 50), Producer: producer}.Bytes()}
		pool.Produce(client, batches[i:i+1], -1, patience, func(int32) { done <- struct{}{} })
	}
	for range batches {
		<-done
	}
	for i, b := range batches {
		if b.Result.Code != wire.None || b.Result.BaseOffset != int64(i) {
			t.Fatalf("batch %d: %+v", i, b.Result)
		}
	}
}

// What one partition is refused for leaves the others of the request alone, and the broker's words come back.
func TestResultsPerPartition(t *testing.T) {
	t.Parallel()
	_, s := cluster(t, kfake.SeedTopics(2, "apples"))
	pool := newPool(t, s)
	good := wiretest.Batch{Records: wiretest.Records(3, 10)}.Bytes()
	broken := bytes.Clone(good)
	broken[len(broken)-1]++ // the CRC is the broker's to check
	batches := []*wire.Batch{{Topic: "apples", Partition: 0, Records: good}, {Topic: "apples", Partition: 1, Records: broken}}
	done := make(chan struct{})
	pool.Produce(new(order.Fences), batches, 1, patience, func(int32) { close(done) })
	<-done
	if batches[0].Result.Code != wire.None || batches[1].Result.Code != wire.CorruptMessage {
		t.Errorf("results %+v, %+v; want stored and CORRUPT_MESSAGE", batches[0].Result, batches[1].Result)
	}
}

// A dial that is given up ends, also while the broker, logged in to, is asked for its versions.
func TestDialIsGivenUp(t *testing.T) {
	t.Parallel()
	c, s := cluster(t)
	ctx, cancel := context.WithCancel(t.Context())
	var asked atomic.Int32
	over := make(chan struct{})
	defer close(over)
	c.ControlKey(int16(wire.KeyApiVersions), func(kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		if asked.Add(1) == 2 {
			cancel()
			<-over // SleepControl may deadlock if what it waits for comes at once
		}
		return nil, nil, false
	})
	if _, err := newClient(t, s).Dial(ctx, c.ListenAddrs()[0]); !errors.Is(err, context.Canceled) {
		t.Errorf("Dial: %v, want %v", err, context.Canceled)
	}
}
