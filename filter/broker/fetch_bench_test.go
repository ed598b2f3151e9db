package broker_test

import (
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/broker"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire/wiretest"
)

// BenchmarkFetch is what a request costs here of a client that reads 1,000 partitions and is told of one: in full, and in a session.
func BenchmarkFetch(b *testing.B) {
	const partitions = 1000
	facade, c1, _ := facade()
	facade.KeepIn(&memory{limit: 1 << 30})
	c1.fetched = func(_ string, p *wire.Fetched) {
		p.HighWatermark, p.LogStartOffset = 7, 0
		if p.Partition == 500 {
			p.Records = []byte("records")
		}
	}
	for _, sessions := range []bool{false, true} {
		b.Run(fmt.Sprintf("session=%t", sessions), func(b *testing.B) {
			client := &broker.Client{Host: "mesh.example", Port: 9092}
			r := fetchFrom(11, "apples")
			one := r.Topics[0].Partitions[0]
			for i := range int32(partitions - 1) {
				one.Partition = i + 1
				r.Topics[0].Partitions = append(r.Topics[0].Partitions, one)
			}
			serve := func(frame []byte) *pending {
				h, body, err := facade.ParseHeader(frame)
				if err != nil {
					b.Fatal(err)
				}
				p := &pending{}
				if err := facade.Serve(&broker.Call{Client: client, Header: h, Body: body, Reply: p}); err != nil {
					b.Fatal(err)
				}
				last := c1.fetchings[len(c1.fetchings)-1]
				last.urgent = true
				last.news()
				c1.fetchings = c1.fetchings[:0]
				return p
			}
			if sessions {
				r.SessionEpoch = 0
				p := serve(wiretest.Frame(wire.KeyFetch, 11, 77, "test", r)[4:])
				first := p.answers[0]
				whole := first.Frame
				for _, part := range first.Parts {
					whole = append(whole, part...)
				}
				_, response, err := wiretest.ParseResponse(wire.KeyFetch, 11, whole)
				if err != nil {
					b.Fatal(err)
				}
				r.SessionID, r.Topics = sessionOf(response), nil
				r.SessionEpoch = 1
			}
			b.ReportAllocs()
			for b.Loop() {
				serve(wiretest.Frame(wire.KeyFetch, 11, 77, "test", r)[4:])
				if sessions {
					r.SessionEpoch++
				}
			}
		})
	}
}

func sessionOf(r kmsg.Response) int32 { return r.(*kmsg.FetchResponse).SessionID }
