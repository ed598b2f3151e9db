package wiretest

import (
	"encoding/binary"
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// Requests is the table of all requests that have a shape, in every version.
func Requests() *wire.Table {
	var all []wire.API
	for _, s := range wire.Shapes() {
		all = append(all, wire.API{Shape: s, Max: s.Defined.Until - 1})
	}
	return wire.NewTable(all...)
}

// Frame is the whole request as a client sends it, length included. It sets req's version.
func Frame(key wire.APIKey, version int16, correlationID int32, clientID string, req kmsg.Request) []byte {
	req.SetVersion(version)
	b := binary.BigEndian.AppendUint16(make([]byte, 4), uint16(key))
	b = binary.BigEndian.AppendUint16(b, uint16(version))
	b = binary.BigEndian.AppendUint32(b, uint32(correlationID))
	b = binary.BigEndian.AppendUint16(b, uint16(len(clientID)))
	b = append(b, clientID...)
	if req.IsFlexible() {
		b = append(b, 0)
	}
	b = req.AppendTo(b)
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	return b
}

// ProduceFrame is the whole Produce request (acks all, 30 s) with one batch for each partition of one topic, counted
// from 0.
func ProduceFrame(version int16, correlationID int32, clientID, topic string, batches ...[]byte) []byte {
	req := kmsg.NewProduceRequest()
	req.Acks, req.TimeoutMillis = -1, 30_000
	t := kmsg.NewProduceRequestTopic()
	t.Topic = topic
	for i, b := range batches {
		p := kmsg.NewProduceRequestTopicPartition()
		p.Partition, p.Records = int32(i), b
		t.Partitions = append(t.Partitions, p)
	}
	req.Topics = append(req.Topics, t)
	return Frame(wire.KeyProduce, version, correlationID, clientID, &req)
}

// ResponseFrame is the whole response as a broker sends it, length included. It sets resp's version.
func ResponseFrame(version int16, correlationID int32, resp kmsg.Response) []byte {
	resp.SetVersion(version)
	b := binary.BigEndian.AppendUint32(make([]byte, 4), uint32(correlationID))
	if resp.IsFlexible() && resp.Key() != int16(wire.KeyApiVersions) {
		b = append(b, 0)
	}
	b = resp.AppendTo(b)
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	return b
}

// ParseResponse reads a whole frame, length included, as the response to a request of this API and version. The
// response must be what kmsg would write for it, so nothing may follow it.
//
//nolint:ireturn // kmsg has one type per API
func ParseResponse(key wire.APIKey, version int16, frame []byte) (correlationID int32, resp kmsg.Response, err error) {
	if len(frame) < 8 || int(binary.BigEndian.Uint32(frame)) != len(frame)-4 {
		return 0, nil, fmt.Errorf("frame of %d bytes has the wrong length: % x", len(frame), frame[:min(8, len(frame))])
	}
	resp = kmsg.ResponseForKey(int16(key))
	if resp == nil {
		return 0, nil, fmt.Errorf("kmsg does not know api key %d", key)
	}
	resp.SetVersion(version)
	correlationID = int32(binary.BigEndian.Uint32(frame[4:]))
	if err := resp.ReadFrom(headerless(frame[8:], resp)); err != nil {
		return correlationID, nil, fmt.Errorf("read %s v%d response: %w", key, version, err)
	}
	if again := ResponseFrame(version, correlationID, resp); len(again) != len(frame) {
		return correlationID, resp, fmt.Errorf("%s v%d response of %d bytes, kmsg writes it in %d", key, version, len(frame), len(again))
	}
	return correlationID, resp, nil
}

// headerless steps over the tagged fields of a response header, of which there are none.
func headerless(b []byte, resp kmsg.Response) []byte {
	if resp.IsFlexible() && resp.Key() != int16(wire.KeyApiVersions) && len(b) > 0 {
		return b[1:]
	}
	return b
}
