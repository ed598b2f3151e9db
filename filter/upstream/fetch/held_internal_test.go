package fetch

import (
	"runtime"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/link"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// A client that asks for fewer partitions from one request to the next, and for few in the end, holds no more than is counted for these.
//
//nolint:paralleltest // others would be measured too
func TestPollsOfFewHoldLittle(t *testing.T) {
	const most = 1 << 20
	p := New(oneBroker{}, Settings{Room: NewRoom(1 << 30), Stats: new(stats.Fetch), MaxAnswer: 1 << 30})
	p.node(0).add(p).up = true
	nothing := answer(kmsg.FetchResponseTopic{Topic: "apples"})
	poll := func(n int) {
		r := &wire.FetchRequest{MaxWaitMillis: 500, MinBytes: 1, MaxBytes: 1 << 20, Topics: []wire.FetchTopic{{Name: "apples"}}}
		for i := range int32(n) {
			r.Topics[0].Partitions = append(r.Topics[0].Partitions, wire.FetchPartition{Partition: i, MaxBytes: 1 << 20})
		}
		f := &Fetching{polls: p, version: 11, request: r, news: func() {}, end: time.Now()}
		todo, _ := p.begin(f)
		p.assign(f, todo, make([]wire.Partition, len(todo)))
		q := p.node(0).lines[0].poll
		q.Append(nil, nil, link.Head{Version: 11})
		head, results, _, err := q.decode(11, nothing)
		if err != nil {
			t.Fatal(err)
		}
		q.line.told(q, head.SessionID)
		p.takeOver(q, 0, results)
		f.Take(1<<20, true, [][]wire.Fetched{make([]wire.Fetched, n)})
	}
	poll(20)
	before := inUse()
	for n := 50_000; n > 20; n = n * 2 / 3 {
		poll(n)
	}
	poll(20)
	if held := inUse() - before; held > most {
		t.Errorf("%d bytes are held more than before there were many partitions", held)
	}
	if p.node(0).lines[0].session == nil {
		t.Error("there is no session")
	}
	runtime.KeepAlive(p)
}

// inUse is how many bytes are held.
func inUse() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
