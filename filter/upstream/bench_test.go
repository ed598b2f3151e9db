package upstream_test

import (
	"context"
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/cork"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/order"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/upstreamtest"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// BenchmarkProduce produces batches of 1 KiB through a socket, one after the other, and from many clients at a time to partitions
// of their own. The broker is in the same process and counts too.
func BenchmarkProduce(b *testing.B) {
	b.Run("alone", func(b *testing.B) {
		way, stop := benchWay(b, 1)
		defer stop()
		for b.Loop() {
			produceOne(way, 0)
		}
	})
	b.Run("64 clients", func(b *testing.B) {
		const clients = 64
		way, stop := benchWay(b, clients)
		defer stop()
		free := make(chan int32, clients)
		for p := range int32(clients) {
			free <- p
		}
		b.SetParallelism(clients)
		b.RunParallel(func(pb *testing.PB) {
			p := <-free
			for pb.Next() {
				produceOne(way, p)
			}
			free <- p
		})
	})
}

func benchWay(b *testing.B, partitions int) (way *upstream.Cluster, stop func()) {
	b.Helper()
	cluster := upstreamtest.New(1)
	cluster.Sockets()
	leaders := make([]int32, partitions)
	for i := range leaders {
		leaders[i] = 1
	}
	cluster.CreateTopic("a", leaders...)
	way = newWay(settings(), cluster, new(cork.Cork))
	produceOne(way, 0)
	b.ReportAllocs()
	b.SetBytes(1 << 10)
	b.ResetTimer()
	return way, func() {
		way.Close(context.Background())
		cluster.Cut(1)
	}
}

func produceOne(way *upstream.Cluster, partition int32) {
	batch := &wire.Batch{Topic: "a", Partition: partition, Records: make([]byte, 1<<10)}
	done := make(chan struct{})
	way.Produce(new(order.Fences), []*wire.Batch{batch}, -1, patience, func(int32) { close(done) })
	<-done
}
