package upstreamtest

import (
	"context"
	"encoding/binary"
	"io"
	"net"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire/wiretest"
)

// brokerPort is the port that is told of every broker; the host is its address.
const brokerPort = 9092

// inform is a bootstrap server's end of a connection: it answers for the cluster, or hangs up where that cannot answer.
func (c *Cluster) inform(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	requests := wiretest.Requests()
	for {
		var size [4]byte
		if _, err := io.ReadFull(conn, size[:]); err != nil {
			return
		}
		frame := make([]byte, binary.BigEndian.Uint32(size[:]))
		if _, err := io.ReadFull(conn, frame); err != nil {
			return
		}
		h, body, err := requests.ParseHeader(frame)
		if err != nil || h.Key != wire.KeyMetadata {
			return
		}
		told, err := c.tell(h, body)
		if err != nil {
			return
		}
		if _, err := conn.Write(told); err != nil {
			return
		}
	}
}

// tell makes the answer to a Metadata request.
func (c *Cluster) tell(h wire.Header, body []byte) ([]byte, error) {
	failed := c.consider(context.Background())
	request := kmsg.NewPtrMetadataRequest()
	request.SetVersion(h.Version)
	if err := request.ReadFrom(body); err != nil {
		return nil, err
	}
	var names []string
	if request.Topics != nil {
		names = []string{}
	}
	for _, t := range request.Topics {
		names = append(names, *t.Topic)
	}
	meta, err := c.metadata(failed, names, request.AllowAutoTopicCreation)
	if err != nil {
		return nil, err
	}
	response := kmsg.NewPtrMetadataResponse()
	response.SetVersion(h.Version)
	response.ControllerID = 1
	if c.id != "" {
		response.ClusterID = &c.id
	}
	for id, addr := range meta.Brokers {
		broker := kmsg.NewMetadataResponseBroker()
		broker.NodeID = id
		broker.Host, broker.Port = addr, brokerPort
		response.Brokers = append(response.Brokers, broker)
	}
	for _, t := range meta.Topics {
		topic := kmsg.NewMetadataResponseTopic()
		topic.Topic, topic.TopicID, topic.ErrorCode = &t.Name, t.ID, int16(t.Code)
		for _, p := range t.Partitions {
			partition := kmsg.NewMetadataResponseTopicPartition()
			partition.Partition, partition.ErrorCode = p.Index, int16(p.Code)
			partition.Leader, partition.LeaderEpoch = p.Leader, p.LeaderEpoch
			topic.Partitions = append(topic.Partitions, partition)
		}
		response.Topics = append(response.Topics, topic)
	}
	return wire.AppendResponse(nil, h, response), nil
}
