package main

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/oauth"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

func produceFranz(r *run) error {
	opts := append(loginFranz(&r.setting), kgo.SeedBrokers(r.bootstrap))
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

// loginFranz has it log in, and try again once only if it cannot.
func loginFranz(s *setting) []kgo.Opt {
	var how sasl.Mechanism
	switch s.mechanism {
	case "":
		return nil
	case "PLAIN":
		how = plain.Auth{User: user, Pass: s.secret}.AsMechanism()
	case "SCRAM-SHA-256":
		how = scram.Auth{User: user, Pass: s.secret}.AsSha256Mechanism()
	case "SCRAM-SHA-512":
		how = scram.Auth{User: user, Pass: s.secret}.AsSha512Mechanism()
	case "OAUTHBEARER":
		how = oauth.Auth{Token: s.secret}.AsMechanism()
	}
	return []kgo.Opt{kgo.SASL(how), kgo.RequestRetries(1), kgo.RecordRetries(1), kgo.MetadataMinAge(250 * time.Millisecond)}
}
