package broker_test

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/broker"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire/wiretest"
)

// dropped is a reply that nobody waits for.
type dropped struct{ *pending }

func (dropped) Answer(broker.Answer) {}

// BenchmarkServe is what a request costs here, of which the session has the call already.
func BenchmarkServe(b *testing.B) {
	facade, c1, _ := facade()
	client := &broker.Client{Host: "mesh.example", Port: 9092}
	for _, tt := range []struct {
		name    string
		key     wire.APIKey
		version int16
		request kmsg.Request
	}{
		{"Produce", wire.KeyProduce, 9, produceRequest(-1, nil, "apples")},
		{"Metadata", wire.KeyMetadata, 9, metadataRequest("apples")},
		{"ApiVersions", wire.KeyApiVersions, 0, kmsg.NewPtrApiVersionsRequest()},
	} {
		b.Run(tt.name, func(b *testing.B) {
			frame := wiretest.Frame(tt.key, tt.version, 77, "test", tt.request)[4:]
			var call broker.Call
			reply := dropped{&pending{}}
			b.ReportAllocs()
			for b.Loop() {
				h, body, err := facade.ParseHeader(frame)
				if err != nil {
					b.Fatal(err)
				}
				call = broker.Call{Client: client, Header: h, Body: body, Reply: reply}
				if err := facade.Serve(&call); err != nil {
					b.Fatal(err)
				}
				c1.got = c1.got[:0]
			}
		})
	}
}
