package broker_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire/wiretest"
)

// A name that no topic can have is refused here, with or without a rule, and never quoted at full length.
func TestInvalidTopicNames(t *testing.T) {
	t.Parallel()
	names := []string{"", ".", "..", "apples/1", "apples 1", "zebras\n", "apples" + strings.Repeat("n", 244), strings.Repeat("\x00", 32767)}
	for version := range int16(13) {
		b, c1, _ := facade()
		request := metadataRequest(names...)
		request.AllowAutoTopicCreation = true
		r := parse[*kmsg.MetadataResponse](t, wire.KeyMetadata, version, ask(t, b, wire.KeyMetadata, version, request))
		for i, topic := range r.Topics {
			if wire.ErrorCode(topic.ErrorCode) != wire.InvalidTopicException {
				t.Errorf("Metadata v%d of name %d: %s, want INVALID_TOPIC_EXCEPTION", version, i, wire.ErrorCode(topic.ErrorCode))
			}
		}
		if len(r.Topics) != len(names) || len(c1.created) > 0 {
			t.Errorf("Metadata v%d: %d topics, created %q; want %d, none", version, len(r.Topics), c1.created, len(names))
		}
		p := parse[*kmsg.ProduceResponse](t, wire.KeyProduce, version, ask(t, b, wire.KeyProduce, version, produceRequest(-1, nil, names...)))
		for i, topic := range p.Topics {
			got := topic.Partitions[0]
			if wire.ErrorCode(got.ErrorCode) != wire.InvalidTopicException || got.ErrorMessage != nil && len(*got.ErrorMessage) > 200 {
				t.Errorf("Produce v%d to name %d: %+v, want INVALID_TOPIC_EXCEPTION", version, i, got)
			}
		}
		a := ask(t, b, wire.KeyProduce, version, produceRequest(0, nil, names[len(names)-1]))
		if a.Violation == nil || len(a.Violation.Error()) > 500 {
			t.Errorf("Produce v%d with acks=0: %.1000v, want a short violation", version, a.Violation)
		}
	}
}

// A request for which there is no room comes to a violation, before or after it went to a cluster.
func TestNoRoom(t *testing.T) {
	t.Parallel()
	b, c1, _ := facade()
	many := produceRequest(-1, nil, strings.Split(strings.Repeat("apples,", 100), ",")...)
	for name, frame := range map[string][]byte{
		"produce":  wiretest.Frame(wire.KeyProduce, 9, 77, "test", many),
		"set":      wiretest.Frame(wire.KeyProduce, 2, 77, "test", produceRequest(-1, map[string][]byte{"apples": oldMessage(0, nil)}, "apples")),
		"metadata": wiretest.Frame(wire.KeyMetadata, 9, 77, "test", metadataRequest(strings.Split(strings.Repeat("apples,", 100), ",")...)),
	} {
		h, body, err := b.ParseHeader(frame[4:])
		if err != nil {
			t.Fatal(err)
		}
		err = b.Serve(call(h, body, &pending{full: true}))
		if v, ok := errors.AsType[*wire.Violation](err); !ok || v.Reason != wire.ReasonMemoryLimit || len(c1.got) > 0 {
			t.Errorf("%s: %v, %d batches sent on; want memory_limit, none", name, err, len(c1.got))
		}
	}
}

// kafka-python to 2.0 asks with version 1, and overlooks a topic with an error that is alone in the answer. No other client that
// asks so is known.
func TestRefusedTopicIsNamedTwice(t *testing.T) {
	t.Parallel()
	b, _, _ := facade()
	for version := range int16(13) {
		for _, tt := range []struct {
			topics []string
			want   int
		}{{[]string{"zebras"}, 1}, {[]string{"zebras", "apples"}, 2}, {[]string{"apples"}, 1}} {
			want := tt.want
			if version == 1 && len(tt.topics) == 1 && tt.topics[0] == "zebras" {
				want = 2
			}
			r := parse[*kmsg.MetadataResponse](t, wire.KeyMetadata, version, ask(t, b, wire.KeyMetadata, version, metadataRequest(tt.topics...)))
			if len(r.Topics) != want {
				t.Errorf("v%d, %q: %d topics in the answer, want %d", version, tt.topics, len(r.Topics), want)
			}
		}
	}
}
