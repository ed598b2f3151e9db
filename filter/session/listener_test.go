package session_test

import (
	"encoding/binary"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/broker"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/cork"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/quota"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/session"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire/wiretest"
)

// listener is a connection that knows what was answered, and whether it is read from.
type listener struct {
	mu     sync.Mutex
	got    []byte
	paused bool
	closed bool
}

var _ session.Conn = (*listener)(nil)

func (l *listener) Writev(parts [][]byte, sent func()) bool {
	if sent != nil {
		defer sent()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.got = append(l.got, slices.Concat(parts...)...)
	return false
}

func (l *listener) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
}

func (l *listener) Abort() { l.Close() }

func (l *listener) PauseReads(on bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.paused = on
}

func (l *listener) isClosed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.closed
}

// answers are the bodies of what was answered since it was last asked, by correlation id, and whether the connection is read from.
func (l *listener) answers() (ids []int32, bodies [][]byte, paused bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.got) >= 8 {
		n := int(binary.BigEndian.Uint32(l.got))
		ids = append(ids, int32(binary.BigEndian.Uint32(l.got[4:])))
		bodies = append(bodies, slices.Clone(l.got[8:4+n]))
		l.got = l.got[4+n:]
	}
	return ids, bodies, l.paused
}

// limited is a worker before a server, whose clients have quotas.
func limited(t *testing.T, s *server, rules ...quota.Rule) (*session.Worker, *stats.Set) {
	t.Helper()
	s.t = t
	if s.serving == nil {
		s.serving = answerInKind
	}
	names := make([]string, len(rules))
	for i := range rules {
		rules[i].Burst = time.Second
		names[i] = quota.Name(rules, i)
	}
	set := stats.New(stats.NewTable(stats.Scope{Quotas: names}))
	common := session.NewCommon(session.Options{
		Limits: session.Limits{
			MaxRequestBytes: 1 << 20, MaxConnectionRequests: 100, MaxConnectionBytes: 1 << 20, MaxWorkerBytes: 1 << 24,
			PartialRequestTimeout: 5 * time.Second, ConnectionsMaxIdle: 8 * time.Second,
		},
		Quotas: quota.New(rules, time.Now()),
		Stats:  set, Log: slog.New(slog.DiscardHandler), Panicked: func(reason any, _ string, _ ...any) { t.Errorf("panic: %v", reason) },
	})
	t.Cleanup(common.Close)
	return common.NewWorker(s, new(cork.Cork)), set
}

// answerInKind answers a request as its API does, with nothing in it, or a Produce that wants no answer without one.
func answerInKind(c *broker.Call) {
	r := kmsg.ResponseForKey(int16(c.Header.Key))
	r.SetVersion(c.Header.Version)
	a := broker.Answer{Frame: wire.AppendResponse(nil, c.Header, r)}
	if c.Header.CorrelationID == noAnswer {
		a.Frame = nil
	}
	c.Answer(a)
}

// noAnswer is the id of requests that want none.
const noAnswer = 9999

// ask is a request, of a Produce one whose frame has so many bytes without its length.
func ask(key wire.APIKey, version int16, id int32, size int) []byte {
	r := kmsg.RequestForKey(int16(key))
	r.SetVersion(version)
	produce, ok := r.(*kmsg.ProduceRequest)
	if !ok {
		return wiretest.Frame(key, version, id, "x", r)
	}
	topic, partition := kmsg.NewProduceRequestTopic(), kmsg.NewProduceRequestTopicPartition()
	topic.Partitions = append(topic.Partitions, partition)
	produce.Topics = append(produce.Topics, topic)
	for records := size; ; records-- {
		topic.Partitions[0].Records = make([]byte, records)
		if frame := wiretest.Frame(key, version, id, "x", r); len(frame)-4 <= size {
			return frame
		}
	}
}

// want wants these answers, with the throttle times that they have in versions that have any, and the connection to be read from or not.
func (l *listener) want(t *testing.T, key wire.APIKey, version int16, paused bool, throttles ...int32) {
	t.Helper()
	_, bodies, isPaused := l.answers()
	var got []int32
	for _, body := range bodies {
		r := kmsg.ResponseForKey(int16(key))
		r.SetVersion(version)
		if r.IsFlexible() && key != wire.KeyApiVersions {
			body = body[1:]
		}
		if err := r.ReadFrom(body); err != nil {
			t.Fatal(err)
		}
		throttle := int32(0)
		if of, ok := r.(kmsg.ThrottleResponse); ok {
			throttle, _ = of.Throttle()
		}
		got = append(got, throttle)
	}
	if !slices.Equal(got, throttles) {
		t.Errorf("answered with throttle times %d, want %d", got, throttles)
	}
	if isPaused != paused {
		t.Errorf("paused is %v, want %v", isPaused, paused)
	}
}
