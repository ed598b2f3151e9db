package main

import (
	"errors"
	"log"
	"os"
	"sync"

	"github.com/IBM/sarama"
)

// syncBatch is how many records a SyncProducer is given at once.
const syncBatch = 20

func saramaConfig(r *run) *sarama.Config {
	sarama.Logger = log.New(os.Stderr, "", log.Lmicroseconds)
	c := sarama.NewConfig()
	c.Producer.Return.Successes, c.Producer.Return.Errors = true, true
	if r.codec != "" {
		c.Producer.Compression = map[string]sarama.CompressionCodec{
			"none": sarama.CompressionNone, "gzip": sarama.CompressionGZIP, "snappy": sarama.CompressionSnappy,
			"lz4": sarama.CompressionLZ4, "zstd": sarama.CompressionZSTD,
		}[r.codec]
		c.Producer.Flush.Frequency = linger
	}
	if r.acks != "" {
		c.Producer.RequiredAcks = map[string]sarama.RequiredAcks{
			"0": sarama.NoResponse, "1": sarama.WaitForLocal, "all": sarama.WaitForAll,
		}[r.acks]
	}
	if r.idempotence == "on" {
		c.Producer.Idempotent = true
		c.Net.MaxOpenRequests = 1 // sarama demands it
	}
	loginSarama(c, &r.setting)
	return c
}

func saramaMessage(rec record) *sarama.ProducerMessage {
	m := &sarama.ProducerMessage{Topic: rec.topic, Timestamp: rec.timestamp, Metadata: rec.number}
	if rec.key != nil {
		m.Key = sarama.ByteEncoder(rec.key)
	}
	if rec.value != nil {
		m.Value = sarama.ByteEncoder(rec.value)
	}
	for _, h := range rec.headers {
		m.Headers = append(m.Headers, sarama.RecordHeader{Key: []byte(h.key), Value: h.value})
	}
	return m
}

func produceSaramaAsync(r *run) error {
	p, err := sarama.NewAsyncProducer([]string{r.bootstrap}, saramaConfig(r))
	if err != nil {
		return err
	}
	var wg, unanswered sync.WaitGroup
	wg.Go(func() {
		for m := range p.Successes() {
			r.report(m.Topic, m.Metadata.(int), nil)
			unanswered.Done()
		}
	})
	wg.Go(func() {
		for e := range p.Errors() {
			r.report(e.Msg.Topic, e.Msg.Metadata.(int), e.Err)
			unanswered.Done()
		}
	})
	unanswered.Add(r.count)
	r.records(func(rec record) { p.Input() <- saramaMessage(rec) })
	// Not before all is answered: a producer that is closed gives up what it would send again, even what it could not send
	// because its own connection was not open yet, which happens.
	unanswered.Wait()
	p.AsyncClose()
	wg.Wait()
	return nil
}

func produceSaramaSync(r *run) error {
	p, err := sarama.NewSyncProducer([]string{r.bootstrap}, saramaConfig(r))
	if err != nil {
		return err
	}
	var batch []*sarama.ProducerMessage
	send := func() {
		sendSync(r, p, batch)
		batch = nil
	}
	r.records(func(rec record) {
		if batch = append(batch, saramaMessage(rec)); len(batch) == syncBatch {
			send()
		}
	})
	send()
	return p.Close()
}

func sendSync(r *run, p sarama.SyncProducer, batch []*sarama.ProducerMessage) {
	failed := map[*sarama.ProducerMessage]error{}
	err := p.SendMessages(batch)
	var each sarama.ProducerErrors
	if errors.As(err, &each) {
		for _, e := range each {
			failed[e.Msg] = e.Err
		}
		err = nil
	}
	for _, m := range batch {
		cause := err
		if cause == nil {
			cause = failed[m]
		}
		r.report(m.Topic, m.Metadata.(int), cause)
	}
}
