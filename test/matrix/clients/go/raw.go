package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	rawPartitions = 2  // of each topic of the matrix
	rawBatch      = 40 // records in a request
	rawTimeout    = 30 * time.Second
)

// produceRaw speaks one version of Produce from before record batches, with message sets of the magic that belongs to it.
// It asks for nothing else: partitions are known, and in those days nobody asked for versions.
func produceRaw(version int16) producer {
	return func(r *run) error {
		conn, err := net.DialTimeout("tcp", r.bootstrap, rawTimeout)
		if err != nil {
			return err
		}
		defer conn.Close()
		var all []record
		r.records(func(rec record) { all = append(all, rec) })
		id := int32(0)
		for chunk := range slices.Chunk(all, rawBatch) {
			id++
			if err := exchange(r, conn, version, id, chunk); err != nil {
				return fmt.Errorf("request %d: %w", id, err)
			}
		}
		return nil
	}
}

// exchange sends one request with records of all partitions and reports what its answer says.
func exchange(r *run, conn net.Conn, version int16, id int32, records []record) error {
	req := kmsg.NewPtrProduceRequest()
	req.SetVersion(version)
	req.Acks = map[string]int16{"": 1, "0": 0, "1": 1, "all": -1}[r.acks]
	req.TimeoutMillis = 10_000
	groups := map[string]map[int32][]record{}
	for i, rec := range records {
		partition := int32(i / len(r.topics) % rawPartitions)
		if groups[rec.topic] == nil {
			groups[rec.topic] = map[int32][]record{}
		}
		groups[rec.topic][partition] = append(groups[rec.topic][partition], rec)
	}
	for topic, partitions := range groups {
		t := kmsg.NewProduceRequestTopic()
		t.Topic = topic
		for partition, list := range partitions {
			p := kmsg.NewProduceRequestTopicPartition()
			p.Partition, p.Records = partition, messageSet(min(version, 2)/2, r.codec, list)
			t.Partitions = append(t.Partitions, p)
		}
		req.Topics = append(req.Topics, t)
	}
	_ = conn.SetDeadline(time.Now().Add(rawTimeout)) // a connection that cannot have one fails below
	if _, err := conn.Write(kmsg.NewRequestFormatter().AppendRequest(nil, req, id)); err != nil {
		return err
	}
	if req.Acks == 0 {
		for _, rec := range records {
			r.report(rec.topic, rec.number, nil)
		}
		return nil
	}
	resp, err := receive(conn, req, id)
	if err != nil {
		return err
	}
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			err := kerr.ErrorForCode(p.ErrorCode)
			if err == nil && p.BaseOffset < 0 {
				err = fmt.Errorf("base offset %d", p.BaseOffset)
			}
			for _, rec := range groups[t.Topic][p.Partition] {
				r.report(rec.topic, rec.number, err)
			}
		}
	}
	return nil
}

func receive(conn net.Conn, req *kmsg.ProduceRequest, id int32) (*kmsg.ProduceResponse, error) {
	var head [8]byte
	if _, err := io.ReadFull(conn, head[:]); err != nil {
		return nil, err
	}
	size, got := int32(binary.BigEndian.Uint32(head[:])), int32(binary.BigEndian.Uint32(head[4:]))
	if got != id || size < 4 || size > 1<<20 {
		return nil, fmt.Errorf("answer of %d bytes to request %d", size, got)
	}
	body := make([]byte, size-4)
	if _, err := io.ReadFull(conn, body); err != nil {
		return nil, err
	}
	resp := kmsg.NewPtrProduceResponse()
	resp.SetVersion(req.GetVersion())
	return resp, resp.ReadFrom(body)
}
