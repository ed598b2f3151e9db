package main

import (
	"context"

	"github.com/twmb/franz-go/pkg/kgo"
)

func produceFranz(r *run) error {
	opts := []kgo.Opt{kgo.SeedBrokers(r.bootstrap)}
	if r.codec != "" {
		codec := map[string]kgo.CompressionCodec{
			"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(),
			"lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
		}[r.codec]
		opts = append(opts, kgo.ProducerBatchCompression(codec), kgo.ProducerLinger(linger))
	}
	if r.acks != "" {
		acks := map[string]kgo.Acks{"0": kgo.NoAck(), "1": kgo.LeaderAck(), "all": kgo.AllISRAcks()}[r.acks]
		opts = append(opts, kgo.RequiredAcks(acks))
	}
	if r.idempotence == "off" {
		opts = append(opts, kgo.DisableIdempotentWrite())
	}
	if r.idempotence == "tx" {
		opts = append(opts, kgo.TransactionalID("matrix"))
	}
	client, err := kgo.NewClient(opts...)
	if err != nil {
		return err
	}
	defer client.Close()
	if r.idempotence == "tx" {
		if err := client.BeginTransaction(); err != nil {
			return err
		}
	}
	r.records(func(rec record) {
		out := &kgo.Record{Topic: rec.topic, Key: rec.key, Value: rec.value, Timestamp: rec.timestamp}
		for _, h := range rec.headers {
			out.Headers = append(out.Headers, kgo.RecordHeader{Key: h.key, Value: h.value})
		}
		client.Produce(context.Background(), out, func(out *kgo.Record, err error) { r.report(out.Topic, rec.number, err) })
	})
	return client.Flush(context.Background())
}
