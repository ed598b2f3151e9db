package matrix

import (
	"context"
	"fmt"
	"hash/crc32"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

const (
	perTopic     = 60 // records of each topic that is read first
	perMore      = 20 // records of each topic that a group reads when it comes again
	stockedNodes = 2  // so that a group's coordinator and its partitions' leaders differ
)

// stocked are two clusters with records to be read, of two versions of Kafka, and meshes in front of both. Topics that begin with
// apples are of the first, where groups are at home, with bananas of the second.
type stocked struct {
	clusters  [2]*stack.KafkaBrokers
	envoy     *stack.EnvoyProcess
	plain     *stack.StandaloneProcess
	envoyMesh stack.Mesh
	plainMesh stack.Mesh
}

var (
	stock     stocked // what has been started so far
	stockOnce = sync.OnceValue(func() error { return stock.start(context.Background()) })
)

// otherKafka is the version of the second cluster.
func otherKafka() string {
	if kafkaVersion() == olderKafka {
		return stack.KafkaVersion
	}
	return olderKafka
}

const olderKafka = "3.9.2"

// prefixes are what topics begin with, by the number of their cluster.
var prefixes = [2]string{"apples", "bananas"}

// stockOf is the name of the topic of a cluster whose batches have a codec.
func stockOf(cluster int, codec string) string { return prefixes[cluster] + "-read-" + codec }

// moreOf is the name of the topic of a cluster that a group reads when it comes again.
func moreOf(cluster int) string { return prefixes[cluster] + "-more" }

// stockedClusters returns the shared clusters and meshes, and shows what the meshes printed if the test fails.
func stockedClusters(t *testing.T) *stocked {
	t.Helper()
	stack.Check(t, stockOnce())
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("Envoy's log:\n%s\nthe plain binary's log:\n%s", tail(stock.envoy.Log()), tail(stock.plain.Log()))
		}
	})
	return &stock
}

func (s *stocked) start(ctx context.Context) error {
	var wg sync.WaitGroup
	errs := make([]error, len(s.clusters))
	for i, version := range []string{kafkaVersion(), otherKafka()} {
		wg.Go(func() {
			o := stack.KafkaOptions{Version: version, Properties: quickGroups()}
			if s.clusters[i], errs[i] = stack.StartBrokers(ctx, stockedNodes, o, nil); errs[i] == nil {
				errs[i] = s.fill(ctx, i)
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	for _, m := range []*stack.Mesh{&s.envoyMesh, &s.plainMesh} {
		addr, err := stack.FreeAddr()
		if err != nil {
			return err
		}
		*m = stack.TwoClusters(addr, s.clusters[0].Addr(), s.clusters[1].Addr())
	}
	var err error
	if s.envoy, err = stack.StartEnvoy(ctx, stack.EnvoyOptions{Mesh: &s.envoyMesh}); err != nil {
		return err
	}
	s.plain, err = stack.StartStandalone(ctx, &s.plainMesh)
	return err
}

// quickGroups are brokers that do not have members wait for others, and are asked often by those of the new protocol, which the older
// ones have if they are told to.
func quickGroups() map[string]string {
	return map[string]string{
		"group.initial.rebalance.delay.ms":         "0",
		"group.consumer.min.heartbeat.interval.ms": "500",
		"group.consumer.heartbeat.interval.ms":     "500",
		"group.coordinator.rebalance.protocols":    "classic,consumer",
	}
}

// fill writes what is to be read into a cluster.
func (s *stocked) fill(ctx context.Context, cluster int) error {
	names := []string{moreOf(cluster)}
	for _, codec := range codecs {
		names = append(names, stockOf(cluster, codec))
	}
	client, err := s.clusters[cluster].Client()
	if err != nil {
		return err
	}
	defer client.Close()
	o := stack.TopicOptions{Partitions: partitions}
	if err := (stack.Admin{Client: client}).CreateTopics(ctx, o, names...); err != nil {
		return err
	}
	for i, codec := range codecs {
		if err := s.write(ctx, cluster, kgoCodecs[i], stockOf(cluster, codec), perTopic); err != nil {
			return fmt.Errorf("write %s: %w", stockOf(cluster, codec), err)
		}
	}
	return s.write(ctx, cluster, kgo.NoCompression(), moreOf(cluster), perMore)
}

// kgoCodecs are the codecs by their number.
var kgoCodecs = []kgo.CompressionCodec{
	kgo.NoCompression(), kgo.GzipCompression(), kgo.SnappyCompression(), kgo.Lz4Compression(), kgo.ZstdCompression(),
}

// write writes records 0 to count-1 into a topic, in turns into its partitions, in several batches.
func (s *stocked) write(ctx context.Context, cluster int, codec kgo.CompressionCodec, topic string, count int) error {
	client, err := s.clusters[cluster].Client(kgo.ProducerBatchCompression(codec), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		return err
	}
	defer client.Close()
	const inCall = 20
	for from := 0; from < count; from += inCall {
		var list []*kgo.Record
		for n := from; n < from+inCall; n++ {
			r := record(topic, n, wont{})
			r.Partition = int32(n % partitions)
			list = append(list, r)
		}
		if err := client.ProduceSync(ctx, list...).FirstErr(); err != nil {
			return err
		}
	}
	return nil
}

// line is what a consumer says of a record, or at the end of a job.
type line struct {
	Job       int     `json:"job"`
	Topic     string  `json:"topic"`
	Partition int     `json:"partition"`
	Offset    int     `json:"offset"`
	Key       *string `json:"key"`
	Value     *string `json:"value"` // its checksum
	MS        int64   `json:"ms"`
	Error     string  `json:"error"`
}

// stockedLine is what is to be said of record n of a topic; emptyNull is whether null is said of what is empty.
func stockedLine(topic string, n int, emptyNull bool) line {
	l := line{Topic: topic, Partition: n % partitions, Offset: n / partitions}
	if key := recordKey(n); key != nil && (len(key) > 0 || !emptyNull) {
		text := string(key)
		l.Key = &text
	}
	if value := recordValue(topic, n); value != nil && (len(value) > 0 || !emptyNull) {
		text := fmt.Sprintf("%08x", crc32.ChecksumIEEE(value))
		l.Value = &text
	}
	return l
}

func (s *stocked) stop() {
	if s.envoy != nil {
		s.envoy.Close()
	}
	if s.plain != nil {
		s.plain.Close()
	}
	for _, c := range s.clusters {
		if c != nil {
			c.Close()
		}
	}
}
