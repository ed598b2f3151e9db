package rawkafka_test

import (
	"bytes"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/test/rawkafka"
	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// TestAskAndBeAnswered asks an embedded cluster in each way that there is.
func TestAskAndBeAnswered(t *testing.T) {
	t.Parallel()
	cluster := stack.Fake(t, stack.FakeOptions{})
	c := rawkafka.Connect(t, cluster.Addr(), "test")
	c.WantServed()
	c.SendBytes(rawkafka.Frame("test", 70, rawkafka.APIVersions("test", "1")), rawkafka.Frame("test", 71, rawkafka.AllTopics()))
	c.WantAnswer(70)
	c.WantAnswer(71)
	if got := c.Ask(rawkafka.Metadata("apples")).(*kmsg.MetadataResponse).Topics; len(got) != 1 || *got[0].Topic != "apples" {
		t.Errorf("the answer has topics %+v, want apples alone", got)
	}
	got, err := rawkafka.Ask[*kmsg.MetadataResponse](cluster.Addr(), "test", 12, rawkafka.Metadata())
	if err != nil || len(got.Topics) > 0 {
		t.Errorf("asked for no topic: %+v, %v, want none", got, err)
	}
}

// TestLengthsThatLie are none of an answer's.
func TestLengthsThatLie(t *testing.T) {
	t.Parallel()
	for _, frame := range [][]byte{{0, 0, 0, 3, 1, 2, 3}, {0xff, 0xff, 0xff, 0xff}, {0x7f, 0xff, 0xff, 0xff}, {0, 0, 0, 5, 1}} {
		if got, err := rawkafka.ReadFrame(bytes.NewReader(frame), nil); err == nil {
			t.Errorf("ReadFrame(% x) = % x, want an error", frame, got)
		}
	}
}

// TestAnswersAreReadToTheirEnd has bytes behind an answer, and an answer cut short.
func TestAnswersAreReadToTheirEnd(t *testing.T) {
	t.Parallel()
	req := rawkafka.Metadata()
	resp := req.ResponseKind()
	resp.SetVersion(req.GetVersion())
	body := append([]byte{0}, resp.AppendTo(nil)...)
	if _, err := rawkafka.Decode(req, req.GetVersion(), body); err != nil {
		t.Error(err)
	}
	for _, wrong := range [][]byte{append(bytes.Clone(body), 1), body[:len(body)-1], body[1:], nil} {
		if got, err := rawkafka.Decode(req, req.GetVersion(), wrong); err == nil {
			t.Errorf("Decode(% x) = %+v, want an error", wrong, got)
		}
	}
}
