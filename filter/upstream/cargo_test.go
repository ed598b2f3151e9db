package upstream_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
	"github.com/kafkamesh/envoy-kafka-mesh/test/bubble"
)

// carried writes a request as TOPIC/PARTITION=RECORDS, one batch behind the other.
func carried(request *kmsg.ProduceRequest) string {
	var batches []string
	for _, t := range request.Topics {
		for _, p := range t.Partitions {
			records, _, _ := strings.Cut(string(p.Records), "\x00")
			batches = append(batches, fmt.Sprintf("%s/%d=%s", t.Topic, p.Partition, records))
		}
	}
	return strings.Join(batches, " ")
}

// queued has requests wait: it fills the window of broker 1, which must be one request, and returns what lets go.
func (b *bench) queued() (release func()) {
	b.cluster.Stall(1, true)
	_, done := b.send("z", 0, "first")
	synctest.Wait()
	return func() {
		b.cluster.Stall(1, false)
		<-done
	}
}

func (b *bench) wantRequests(want ...string) {
	b.t.Helper()
	synctest.Wait()
	var got []string
	for _, r := range b.cluster.Requests() {
		got = append(got, carried(r))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		b.t.Errorf("requests (-want +got):\n%s", diff)
	}
}

// padded is a batch's bytes: a name, then zeros; with a producer id if idempotent.
func padded(name string, size int, idempotent bool) []byte {
	records := append([]byte(name+"\x00"), make([]byte, size)...)
	if !idempotent {
		records[43] = 0xff
	}
	return records[:size]
}

func TestCoalescing(t *testing.T) {
	t.Parallel()
	type sent struct {
		topic      string
		partition  int32
		name       string
		acks       int16
		timeout    int32
		size       int
		idempotent bool
	}
	plain := func(topic string, partition int32, name string) sent {
		return sent{topic, partition, name, -1, 1000, 64, false}
	}
	with := func(s sent, change func(*sent)) sent {
		change(&s)
		return s
	}
	for _, tc := range []struct {
		name string
		sent []sent
		want []string
	}{
		{
			"partitions of several topics share a request",
			[]sent{plain("a", 0, "0"), plain("b", 0, "1"), plain("a", 1, "2"), plain("b", 1, "3"), plain("a", 2, "4")},
			[]string{"a/0=0 a/1=2 a/2=4 b/0=1 b/1=3"},
		},
		{
			"one batch of a partition in a request, in order",
			[]sent{plain("a", 0, "0"), plain("a", 0, "1"), plain("a", 1, "2"), plain("a", 0, "3"), plain("a", 1, "4")},
			[]string{"a/0=0 a/1=2", "a/0=1 a/1=4", "a/0=3"},
		},
		{
			"acks are not mixed",
			[]sent{plain("a", 0, "0"), with(plain("a", 1, "1"), func(s *sent) { s.acks = 1 }), plain("a", 2, "2")},
			[]string{"a/0=0 a/2=2", "a/1=1"},
		},
		{
			"timeouts are not mixed",
			[]sent{plain("a", 0, "0"), with(plain("a", 1, "1"), func(s *sent) { s.timeout = 5000 }), plain("a", 2, "2")},
			[]string{"a/0=0 a/2=2", "a/1=1"},
		},
		{
			"idempotent batches and others are not mixed",
			[]sent{plain("a", 0, "0"), with(plain("a", 1, "1"), func(s *sent) { s.idempotent = true }), plain("a", 2, "2")},
			[]string{"a/0=0 a/2=2", "a/1=1"},
		},
		{
			"what stays is not overtaken in its partition",
			[]sent{plain("a", 0, "0"), with(plain("a", 1, "1"), func(s *sent) { s.acks = 1 }), plain("a", 1, "2"), plain("a", 2, "3")},
			[]string{"a/0=0 a/2=3", "a/1=1", "a/1=2"},
		},
		{
			"what does not fit waits, and what is behind it",
			[]sent{
				plain("a", 0, "0"), with(plain("a", 1, "1"), func(s *sent) { s.size = 1000 }), plain("a", 2, "2"),
				with(plain("b", 0, "3"), func(s *sent) { s.size = 5000 }), plain("b", 1, "4"),
			},
			[]string{"a/0=0", "a/1=1", "a/2=2", "b/0=3", "b/1=4"},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s := settings()
			s.Window, s.MaxRequestBytes = 1, 1000
			inBubbleWith(t, 1, s, func(b *bench) {
				b.cluster.CreateTopic("a", 1, 1, 1)
				b.cluster.CreateTopic("b", 1, 1)
				b.cluster.CreateTopic("z", 1)
				release := b.queued()
				left := len(tc.sent)
				done := make(chan int32, left)
				for _, s := range tc.sent {
					batch := &wire.Batch{Topic: s.topic, Partition: s.partition, Records: padded(s.name, s.size, s.idempotent)}
					b.way.Produce(b.fences, []*wire.Batch{batch}, s.acks, s.timeout, func(throttle int32) { done <- throttle })
					synctest.Wait() // for the topic's metadata, so that they queue in this order
				}
				release()
				for range left {
					<-done
				}
				b.wantRequests(append([]string{"z/0=first"}, tc.want...)...)
				if got := b.metric("requests"); got != int64(len(tc.want)+1) {
					t.Errorf("requests = %d, want %d", got, len(tc.want)+1)
				}
			})
		})
	}
}

// Batches of a request have results of their own: what is wrong with one client's concerns no other.
func TestCoalescedResults(t *testing.T) {
	t.Parallel()
	s := settings()
	s.Window = 1
	inBubbleWith(t, 1, s, func(b *bench) {
		b.cluster.CreateTopic("a", 1, 1, 1)
		b.cluster.CreateTopic("z", 1)
		b.cluster.Answer("a", 1, wire.CorruptMessage)
		release := b.queued()
		var batches []*wire.Batch
		var answers []<-chan int32
		for i := range 3 {
			batch, done := b.send("a", int32(i), strconv.Itoa(i))
			batches, answers = append(batches, batch), append(answers, done)
			synctest.Wait()
		}
		release()
		for _, done := range answers {
			<-done
		}
		b.wantRequests("z/0=first", "a/0=0 a/1=1 a/2=2")
		wantCode(t, "first", batches[0].Result, wire.None)
		wantCode(t, "the bad one", batches[1].Result, wire.CorruptMessage)
		wantCode(t, "third", batches[2].Result, wire.None)
	})
}

// A queue longer than one look at it is sent whole and in order.
func TestCoalescingLongQueue(t *testing.T) {
	t.Parallel()
	s := settings()
	s.Window = 1
	inBubbleWith(t, 1, s, func(b *bench) {
		const many = 5000
		b.cluster.CreateTopic("a", 1, 1, 1)
		b.cluster.CreateTopic("z", 1)
		release := b.queued()
		var answers []<-chan int32
		var want [3][]string
		for i := range many {
			p := int32(i * i % 3)
			_, done := b.send("a", p, strconv.Itoa(i))
			answers = append(answers, done)
			want[p] = append(want[p], strconv.Itoa(i))
			if i == 0 {
				synctest.Wait()
			}
		}
		release()
		for _, done := range answers {
			<-done
		}
		for p := range want {
			b.wantStored(int32(p), want[p]...)
		}
	})
}

// With a linger batches wait for others, though nothing is in flight; a full request does not wait.
func TestLinger(t *testing.T) {
	t.Parallel()
	s := settings()
	s.Linger, s.MaxRequestBytes = 50*time.Millisecond, 1000
	inBubbleWith(t, 1, s, func(b *bench) {
		b.cluster.CreateTopic("a", 1, 1, 1, 1)
		start := time.Now()
		b.produce("a", 0, "alone")
		if waited := time.Since(start); waited != s.Linger {
			t.Errorf("a batch alone waited %v, want %v", waited, s.Linger)
		}
		b.wantRequests("a/0=alone")

		_, first := b.send("a", 1, "1")
		bubble.Advance(s.Linger / 2)
		_, second := b.send("a", 2, "2")
		<-first
		<-second
		if waited := time.Since(start); waited != 2*s.Linger {
			t.Errorf("two batches were sent after %v, want %v", waited, 2*s.Linger)
		}
		b.wantRequests("a/0=alone", "a/1=1 a/2=2")

		start = time.Now()
		b.produce("a", 3, strings.Repeat("x", 1000))
		if waited := time.Since(start); waited != 0 {
			t.Errorf("a full request waited %v", waited)
		}
	})
}

// A batch's time runs while it lingers, and one client's time is not another's.
func TestLingerBeyondTheTimeout(t *testing.T) {
	t.Parallel()
	s := settings()
	s.Linger, s.MessageTimeout = time.Hour, 10*time.Second
	inBubbleWith(t, 1, s, func(b *bench) {
		b.cluster.CreateTopic("a", 1, 1)
		wantCode(t, "lingers for too long", b.produce("a", 0, "0"), wire.RequestTimedOut)
		b.wantStored(0)
	})
}

// FuzzCoalescing has many clients' batches queue up and checks what leaves: all of it, each partition's in order, at most one
// batch of a partition in a request, acks not mixed, no request too large.
func FuzzCoalescing(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7})
	f.Add([]byte{0, 0, 0, 8, 0, 8, 255, 254, 17})
	f.Add(slices.Repeat([]byte{1, 9, 129, 33}, 20))
	f.Fuzz(func(t *testing.T, script []byte) {
		script = script[:min(len(script), 1<<10)] // a busy machine takes thousands of requests for a hang
		s := settings()
		s.Window, s.MaxRequestBytes = 1, 1000
		inBubbleWith(t, 1, s, func(b *bench) {
			b.cluster.CreateTopic("a", 1, 1, 1, 1, 1, 1, 1, 1)
			b.cluster.CreateTopic("z", 1)
			b.produce("a", 0, "known") // so that nothing waits for metadata
			release := b.queued()
			want := [8][]string{{"known"}}
			done := make(chan int32, len(script))
			for i, c := range script {
				p, acks, size := int32(c&7), int16(c>>3&1), 64+int(c>>4)*40
				name := strconv.Itoa(i)
				want[p] = append(want[p], name)
				batch := &wire.Batch{Topic: "a", Partition: p, Records: padded(name, size, c&16 != 0)}
				b.way.Produce(b.fences, []*wire.Batch{batch}, acks*2-1, 1000, func(throttle int32) { done <- throttle })
			}
			release()
			for range script {
				<-done
			}
			for p := range want {
				var got []string
				for _, records := range b.cluster.Stored("a", int32(p)) {
					name, _, _ := strings.Cut(string(records), "\x00")
					got = append(got, name)
				}
				if diff := cmp.Diff(want[p], got); diff != "" {
					t.Errorf("a/%d stored (-want +got):\n%s", p, diff)
				}
			}
			for _, r := range b.cluster.Requests() {
				checkRequest(t, r, script)
			}
		})
	})
}

func checkRequest(t *testing.T, r *kmsg.ProduceRequest, script []byte) {
	t.Helper()
	bytes, batches, seen := 0, 0, map[int32]bool{}
	for _, topic := range r.Topics {
		for _, p := range topic.Partitions {
			bytes, batches = bytes+len(p.Records), batches+1
			name, _, _ := strings.Cut(string(p.Records), "\x00")
			var i int
			if _, err := fmt.Sscan(name, &i); err == nil && int16(script[i]>>3&1)*2-1 != r.Acks {
				t.Errorf("%s: a batch of other acks than %d", carried(r), r.Acks)
			}
			if seen[p.Partition] {
				t.Errorf("%s: a partition twice", carried(r))
			}
			seen[p.Partition] = true
		}
	}
	if batches > 1 && bytes > 1000 {
		t.Errorf("%s: %d bytes", carried(r), bytes)
	}
}
