package sink

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Raw is the cheapest broker there can be: it reads requests, does not look at batches, and answers. Every topic exists.
type Raw struct {
	Partitions int32    // of each topic
	Silent     bool     // no batch is answered
	records    sync.Map // by length, what is read of every partition
	port       int32
	producers  atomic.Int64
}

// Serve answers on l until it is closed.
func (s *Raw) Serve(l net.Listener) error {
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		return err
	}
	s.port = int32(n)
	for {
		conn, err := l.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer func() { _ = conn.Close() }()
			_ = s.serve(conn) // a client that leaves is no trouble
		}()
	}
}

func (s *Raw) serve(conn net.Conn) error {
	r := bufio.NewReaderSize(conn, 64<<10)
	var request, answer []byte
	for {
		var head [4]byte
		if _, err := io.ReadFull(r, head[:]); err != nil {
			return err
		}
		n := int(binary.BigEndian.Uint32(head[:]))
		if n < 10 || n > 128<<20 {
			return errors.New("not a request")
		}
		if cap(request) < n {
			request = make([]byte, n)
		}
		if _, err := io.ReadFull(r, request[:n]); err != nil {
			return err
		}
		var err error
		if answer, err = s.answer(answer[:0], request[:n]); err != nil {
			return err
		}
		if len(answer) > 0 {
			if _, err := conn.Write(answer); err != nil {
				return err
			}
		}
	}
}

// answer appends the answer to a request, if there is to be one.
func (s *Raw) answer(b, request []byte) ([]byte, error) {
	key, version := int16(binary.BigEndian.Uint16(request)), int16(binary.BigEndian.Uint16(request[2:]))
	correlation, id := request[4:8], int16(binary.BigEndian.Uint16(request[8:]))
	body := request[10:]
	if id > 0 && int(id) <= len(body) {
		body = body[id:]
	}
	req := kmsg.RequestForKey(key)
	if req == nil {
		return nil, errors.New("a request of a key that is not known")
	}
	var response kmsg.Response
	if key == int16(kmsg.ApiVersions) {
		response = s.versions(version)
	} else {
		req.SetVersion(version)
		if req.IsFlexible() {
			body = body[1:] // no tags
		}
		if err := req.ReadFrom(body); err != nil {
			return nil, err
		}
		if response = s.respond(req); response == nil {
			return nil, nil
		}
		response.SetVersion(version)
	}
	b = append(b, 0, 0, 0, 0)
	b = append(b, correlation...)
	if response.IsFlexible() && response.Key() != int16(kmsg.ApiVersions) {
		b = append(b, 0)
	}
	b = response.AppendTo(b)
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	return b, nil
}

// versions is the answer to ApiVersions, in version 0 with an error if the version asked for is too new.
func (s *Raw) versions(version int16) *kmsg.ApiVersionsResponse {
	r := kmsg.NewPtrApiVersionsResponse()
	r.SetVersion(version)
	if version > 4 {
		r.SetVersion(0)
		r.ErrorCode = 35 // UNSUPPORTED_VERSION
	}
	for _, k := range []struct {
		key kmsg.Key
		max int16
	}{{kmsg.Produce, 11}, {kmsg.Fetch, 11}, {kmsg.Metadata, 9}, {kmsg.ApiVersions, 4}, {kmsg.InitProducerID, 4}} {
		offer := kmsg.NewApiVersionsResponseApiKey()
		offer.ApiKey, offer.MaxVersion = int16(k.key), k.max
		r.ApiKeys = append(r.ApiKeys, offer)
	}
	return r
}

//nolint:ireturn // any response
func (s *Raw) respond(req kmsg.Request) kmsg.Response {
	switch req := req.(type) {
	case *kmsg.ProduceRequest:
		if req.Acks == 0 || s.Silent {
			return nil
		}
		return produced(req)
	case *kmsg.FetchRequest:
		return s.fetched(req)
	case *kmsg.MetadataRequest:
		return s.metadata(req)
	case *kmsg.InitProducerIDRequest:
		r := kmsg.NewPtrInitProducerIDResponse()
		r.ProducerID = s.producers.Add(1)
		return r
	default:
		return nil
	}
}

func produced(req *kmsg.ProduceRequest) *kmsg.ProduceResponse {
	r := kmsg.NewPtrProduceResponse()
	for _, t := range req.Topics {
		topic := kmsg.NewProduceResponseTopic()
		topic.Topic = t.Topic
		for _, p := range t.Partitions {
			partition := kmsg.NewProduceResponseTopicPartition()
			partition.Partition = p.Partition
			topic.Partitions = append(topic.Partitions, partition)
		}
		r.Topics = append(r.Topics, topic)
	}
	return r
}

// fetched has as many bytes for each partition as are asked for, at whatever offset, which nobody should look at.
func (s *Raw) fetched(req *kmsg.FetchRequest) *kmsg.FetchResponse {
	r := kmsg.NewPtrFetchResponse()
	for _, t := range req.Topics {
		topic := kmsg.NewFetchResponseTopic()
		topic.Topic = t.Topic
		for _, p := range t.Partitions {
			partition := kmsg.NewFetchResponseTopicPartition()
			partition.Partition, partition.HighWatermark = p.Partition, p.FetchOffset+1
			records, ok := s.records.Load(p.PartitionMaxBytes)
			if !ok {
				records, _ = s.records.LoadOrStore(p.PartitionMaxBytes, make([]byte, p.PartitionMaxBytes))
			}
			partition.RecordBatches = records.([]byte) //nolint:forcetypeassert // there is nothing else
			topic.Partitions = append(topic.Partitions, partition)
		}
		r.Topics = append(r.Topics, topic)
	}
	return r
}

func (s *Raw) metadata(req *kmsg.MetadataRequest) *kmsg.MetadataResponse {
	r := kmsg.NewPtrMetadataResponse()
	broker := kmsg.NewMetadataResponseBroker()
	broker.NodeID, broker.Host, broker.Port = 1, "127.0.0.1", s.port
	r.Brokers = append(r.Brokers, broker)
	r.ControllerID, r.ClusterID = 1, new("raw")
	for _, t := range req.Topics {
		topic := kmsg.NewMetadataResponseTopic()
		topic.Topic = t.Topic
		for i := range s.Partitions {
			p := kmsg.NewMetadataResponseTopicPartition()
			p.Partition, p.Leader, p.LeaderEpoch, p.Replicas, p.ISR = i, 1, 0, []int32{1}, []int32{1}
			topic.Partitions = append(topic.Partitions, p)
		}
		r.Topics = append(r.Topics, topic)
	}
	return r
}
