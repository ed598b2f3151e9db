package e2e

import (
	"reflect"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"
)

// view is what must be equal between a record as it was sent and as it was stored. Null and empty differ.
type view struct {
	Topic      string
	Key, Value []byte
	Time       time.Time
	Headers    []kgo.RecordHeader
}

func viewOf(r *kgo.Record) view { return view{r.Topic, r.Key, r.Value, r.Timestamp.UTC(), r.Headers} }

// verifyTopic reads a topic directly from a broker and compares it with what the clients were asked to send: every record
// once and equal, those of a client in the order sent in each partition, those with the same key in one partition, and
// no record of anybody else.
func verifyTopic(t *testing.T, broker, topic string, sent ...sending) {
	t.Helper()
	byClient := map[string]*tally{}
	for _, s := range sent {
		byClient[s.client] = &tally{sending: s, seen: make([]bool, s.count), home: map[string]int32{}}
	}
	for partition, records := range readTopic(t, broker, topic) {
		for _, c := range byClient {
			c.last = -1
		}
		for _, r := range records {
			if len(r.Headers) == 0 {
				t.Fatalf("%s/%d@%d has no headers", topic, partition, r.Offset)
			}
			c := byClient[string(r.Headers[0].Value)]
			if c == nil {
				t.Fatalf("%s/%d@%d comes from nobody: %v", topic, partition, r.Offset, r.Headers)
			}
			c.take(t, topic, r)
		}
	}
	for _, c := range byClient {
		if want := c.to(topic); c.total != want {
			t.Errorf("%s holds %d records of %s, want %d", topic, c.total, c.client, want)
		}
	}
}

// tally is how far the records of one client in one topic have been verified.
type tally struct {
	sending

	total int
	seen  []bool           // by number
	last  int              // the number before, in the partition that is being read
	home  map[string]int32 // the partition of each key
}

func (c *tally) take(t *testing.T, topic string, r *kgo.Record) {
	t.Helper()
	i, err := strconv.Atoi(string(r.Headers[1].Value))
	if err != nil || i < 0 || i >= c.count || c.topics[i%len(c.topics)] != topic {
		t.Fatalf("%s/%d@%d is not one of the records that %s sent: %v", topic, r.Partition, r.Offset, c.client, r.Headers)
	}
	if want, got := viewOf(record(c.client, topic, i)), viewOf(r); !reflect.DeepEqual(want, got) { // cmp takes 20 s for all
		t.Fatalf("%s/%d@%d differs from what %s sent as number %d (-sent +stored):\n%s",
			topic, r.Partition, r.Offset, c.client, i, cmp.Diff(want, got))
	}
	if c.seen[i] && c.repeats {
		return
	}
	if c.seen[i] {
		t.Fatalf("%s/%d@%d: number %d of %s is stored twice", topic, r.Partition, r.Offset, i, c.client)
	}
	if i <= c.last {
		t.Fatalf("%s/%d@%d: number %d of %s follows number %d", topic, r.Partition, r.Offset, i, c.client, c.last)
	}
	if at, ok := c.home[string(r.Key)]; ok && at != r.Partition && len(r.Key) > 0 {
		t.Fatalf("%s: %s put key %q into partitions %d and %d", topic, c.client, r.Key, at, r.Partition)
	}
	c.home[string(r.Key)] = r.Partition
	c.seen[i] = true
	c.last = i
	c.total++
}
