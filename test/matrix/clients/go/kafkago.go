package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"
)

// produceKafkaGo writes each topic in calls of its own: a topic without partitions fails all messages of its call.
func produceKafkaGo(r *run) error {
	w := &kafka.Writer{Addr: kafka.TCP(r.bootstrap)}
	if r.mechanism != "" {
		how, err := loginKafkaGo(&r.setting)
		if err != nil {
			return err
		}
		w.Transport = &kafka.Transport{SASL: how}
	}
	if r.codec != "" {
		w.Compression = map[string]kafka.Compression{
			"gzip": kafka.Gzip, "snappy": kafka.Snappy, "lz4": kafka.Lz4, "zstd": kafka.Zstd,
		}[r.codec] // 0 is none
		w.BatchTimeout = linger
	}
	if r.acks != "" {
		w.RequiredAcks = map[string]kafka.RequiredAcks{
			"0": kafka.RequireNone, "1": kafka.RequireOne, "all": kafka.RequireAll,
		}[r.acks]
	}
	byTopic := map[string][]record{}
	pace := r.pace
	r.pace = 0
	r.records(func(rec record) { byTopic[rec.topic] = append(byTopic[rec.topic], rec) })
	r.pace = pace
	var wg sync.WaitGroup
	for _, records := range byTopic {
		wg.Go(func() { writeKafkaGo(r, w, records) })
	}
	wg.Wait()
	return w.Close()
}

func writeKafkaGo(r *run, w *kafka.Writer, records []record) {
	size := len(records)
	if r.pace > 0 {
		size = 20 // each call waits for company for a second, which is pace enough
	}
	for chunk := range slices.Chunk(records, size) {
		messages := make([]kafka.Message, len(chunk))
		for i, rec := range chunk {
			messages[i] = kafka.Message{Topic: rec.topic, Key: rec.key, Value: rec.value, Time: rec.timestamp}
			for _, h := range rec.headers {
				messages[i].Headers = append(messages[i].Headers, kafka.Header{Key: h.key, Value: h.value})
			}
		}
		err := w.WriteMessages(context.Background(), messages...)
		var each kafka.WriteErrors
		all := !errors.As(err, &each)
		for i, rec := range chunk {
			if !all {
				err = each[i]
			}
			r.report(rec.topic, rec.number, err)
		}
	}
}

func loginKafkaGo(s *setting) (sasl.Mechanism, error) {
	switch s.mechanism {
	case "PLAIN":
		return plain.Mechanism{Username: user, Password: s.secret}, nil
	case "SCRAM-SHA-256":
		return scram.Mechanism(scram.SHA256, user, s.secret)
	case "SCRAM-SHA-512":
		return scram.Mechanism(scram.SHA512, user, s.secret)
	}
	return nil, fmt.Errorf("kafka-go has no %s", s.mechanism)
}
