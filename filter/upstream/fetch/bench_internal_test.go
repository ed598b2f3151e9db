package fetch

import (
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/target"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/link"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire/wiretest"
)

// oneBroker is a cluster whose broker 1 leads everything.
type oneBroker struct{}

var _ Cluster = oneBroker{}

func (oneBroker) Leaders(partitions []wire.TopicPartition, done func([]wire.Partition)) {
	done(make([]wire.Partition, len(partitions)))
}

func (oneBroker) Doubt(target.Broker) {}

func (oneBroker) OpenOwn(target.Broker, link.Room, link.Owner) *link.Link { return nil }

func (oneBroker) Address(int32) string { return "" }

func (oneBroker) Renewals() int64 { return 0 }

// BenchmarkPoll is what a poll for 1,000 partitions costs from the client's request to what it gets, without the connection, when there are
// records of one: in full, and in a session.
func BenchmarkPoll(b *testing.B) {
	const partitions = 1000
	for _, sessions := range []bool{false, true} {
		b.Run(fmt.Sprintf("session=%t", sessions), func(b *testing.B) {
			least := partitions
			if !sessions {
				least++
			}
			p := New(oneBroker{}, Settings{Room: NewRoom(1 << 30), Stats: new(stats.Fetch), SessionPartitions: least, MaxAnswer: 1 << 30})
			p.node(0).add(p).up = true
			request := &wire.FetchRequest{MaxWaitMillis: 500, MinBytes: 1, MaxBytes: 1 << 20, Topics: []wire.FetchTopic{{Name: "apples"}}}
			whole := kmsg.FetchResponseTopic{Topic: "apples"}
			for i := range int32(partitions) {
				at := &request.Topics[0]
				at.Partitions = append(at.Partitions, wire.FetchPartition{Partition: i, MaxBytes: 1 << 20})
				whole.Partitions = append(whole.Partitions, kmsg.FetchResponseTopicPartition{Partition: i, HighWatermark: 5})
			}
			whole.Partitions[500].RecordBatches = []byte("records")
			full, few := answer(whole), answer(kmsg.FetchResponseTopic{Topic: "apples", Partitions: whole.Partitions[500:501]})
			into := append([][]wire.Fetched(nil), make([]wire.Fetched, len(request.Topics[0].Partitions)))
			scratch, segments := []byte(nil), [][]byte(nil)
			b.ReportAllocs()
			for b.Loop() {
				request.Topics[0].Partitions[500].Offset++
				f := &Fetching{polls: p, version: 11, request: request, news: func() {}, end: time.Now().Add(time.Second)}
				todo, _ := p.begin(f)
				p.assign(f, todo, make([]wire.Partition, len(todo)))
				q := p.node(0).lines[0].poll
				scratch, segments = q.Append(scratch[:0], segments[:0], link.Head{Version: 11})
				body := full
				if q.goesOn {
					body = few
				}
				head, results, _, err := q.decode(11, body)
				if err != nil {
					b.Fatal(err)
				}
				q.line.told(q, head.SessionID)
				p.takeOver(q, 0, results)
				f.Take(1<<20, true, into)
			}
		})
	}
}

// answer is a broker's to a Fetch in a session.
func answer(t kmsg.FetchResponseTopic) []byte {
	r := kmsg.NewPtrFetchResponse()
	r.SessionID, r.Topics = 5, []kmsg.FetchResponseTopic{t}
	return wiretest.ResponseFrame(11, 7, r)[8:]
}
