package wire_test

import (
	"bytes"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// Of each version of each API the response is given the throttle time that another codec would write, where that writes one.
func TestRaiseThrottle(t *testing.T) {
	t.Parallel()
	with, without := 0, 0
	for _, shape := range wire.Shapes() {
		for v := shape.Defined.From; v < shape.Defined.Until && v <= kmsg.ResponseForKey(int16(shape.Key)).MaxVersion(); v++ {
			h := wire.Header{Key: shape.Key, Version: v, CorrelationID: 7}
			frame, low, want := throttledFrame(h, 0), throttledFrame(h, 90), throttledFrame(h, 1234)
			has := !bytes.Equal(frame, want)
			if got := wire.RaiseThrottle(h, frame, 1234); got != has || !bytes.Equal(frame, want) {
				t.Errorf("%s v%d: RaiseThrottle() = %v, want %v; the frame is %x, want %x", shape.Name, v, got, has, frame, want)
			}
			wire.RaiseThrottle(h, low, 1234)
			wire.RaiseThrottle(h, low, 89)
			if !bytes.Equal(low, want) {
				t.Errorf("%s v%d: a longer time was not raised to, or lowered again", shape.Name, v)
			}
			for n := range frame {
				wire.RaiseThrottle(h, bytes.Clone(frame[:n]), 1) // and nothing is written behind it
			}
			if has {
				with++
			} else {
				without++
			}
		}
	}
	if with < 100 || without < 20 {
		t.Errorf("%d versions have a throttle time and %d have none: are all looked at?", with, without)
	}
}

// throttledFrame is a response with something in each list.
func throttledFrame(h wire.Header, millis int32) []byte {
	r := kmsg.ResponseForKey(int16(h.Key))
	r.SetVersion(h.Version)
	if of, ok := r.(kmsg.SetThrottleResponse); ok {
		of.SetThrottle(millis)
	}
	switch r := r.(type) {
	case *kmsg.ApiVersionsResponse:
		for range 200 { // so that their number has two bytes
			r.ApiKeys = append(r.ApiKeys, kmsg.NewApiVersionsResponseApiKey())
		}
	case *kmsg.ProduceResponse:
		topic := kmsg.NewProduceResponseTopic()
		topic.Partitions = append(topic.Partitions, kmsg.NewProduceResponseTopicPartition())
		r.Topics = append(r.Topics, topic)
	case *kmsg.OffsetDeleteResponse:
		r.ErrorCode = 16
	}
	return wire.AppendResponse(nil, h, r)
}

// An answer to a version of ApiVersions that is not served is one of version 0, which has none.
func TestRaiseThrottleUnservedVersion(t *testing.T) {
	t.Parallel()
	h := wire.Header{Key: wire.KeyApiVersions, Version: 99}
	r := kmsg.NewPtrApiVersionsResponse()
	r.ErrorCode, r.ApiKeys = 35, []kmsg.ApiVersionsResponseApiKey{{ApiKey: 18, MaxVersion: 4}}
	frame := wire.AppendResponse(nil, h, r)
	want := bytes.Clone(frame)
	if wire.RaiseThrottle(h, frame, 5) || !bytes.Equal(frame, want) {
		t.Error("the answer was changed")
	}
}
