package matrix

import (
	"fmt"
	"reflect"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kafkamesh/envoy-kafka-mesh/test/driver"
)

// codecs are the names of the codecs of a batch, by their number in its attributes.
var codecs = [...]string{"none", "gzip", "snappy", "lz4", "zstd"}

const (
	noProducer = -1
	minted     = 1 << 61 // the bit that the ids of the mesh have, and those of brokers do not
)

// view is what must be equal between a record as it was sent and as it was stored. Null and empty differ.
type view struct {
	Topic      string
	Key, Value []byte
	Time       time.Time
	Headers    []kgo.RecordHeader
}

func viewOf(r *kgo.Record) view {
	return view{r.Topic, r.Key, r.Value, r.Timestamp.UTC(), r.Headers}
}

// verdict is what is wrong with one setting: nothing if it is empty. Only the first fault of a kind is kept.
type verdict struct {
	content string // a record is missing, twice, in another order or other than it was sent
	codec   string
	id      string // the producer id
	sending string // what the client said
}

func (v verdict) faults() []string {
	var list []string
	for _, f := range []string{v.sending, v.content, v.codec, v.id} {
		if f != "" {
			list = append(list, f)
		}
	}
	return list
}

// verify compares what a job's topics hold with what it was to send, and with what the client said.
func verify(c *client, j job, said []report, stored []partition, throughMesh bool) []verdict {
	verdicts := make([]verdict, len(j.settings))
	for i := range j.settings {
		v := &verdicts[i]
		v.sending = checkSaid(i, j, said)
		tally := tally{client: c, job: j, index: i, throughMesh: throughMesh, seen: map[int]bool{}, ids: map[string]int64{}}
		for _, p := range stored {
			tally.last = -1
			for _, r := range p.records {
				if n := driver.Number(r.Key, r.Value); n/perSetting == i || i == 0 && n < 0 {
					tally.take(v, r)
				}
			}
		}
		tally.finish(v)
	}
	return verdicts
}

// checkSaid returns what is wrong with what the client said of a setting.
func checkSaid(index int, j job, said []report) string {
	done := map[int]bool{}
	for _, r := range said {
		switch {
		case r.Setting != index:
		case r.Error != "":
			return fmt.Sprintf("number %d: %s", r.Number, r.Error)
		case done[r.Number]:
			return fmt.Sprintf("number %d reported twice", r.Number)
		default:
			done[r.Number] = true
		}
	}
	if len(done) != j.count {
		return fmt.Sprintf("%d of %d records reported", len(done), j.count)
	}
	return ""
}

// tally is how far the records of one setting have been verified.
type tally struct {
	*client
	job

	index       int
	throughMesh bool
	seen        map[int]bool
	last        int              // the number before, in the partition that is being read
	asked       int              // records that came in the codec that was asked for
	ids         map[string]int64 // of the producer; by topic if each has its own
}

func (c *tally) take(v *verdict, r *kgo.Record) {
	n := driver.Number(r.Key, r.Value)
	at := fmt.Sprintf("%s/%d@%d", r.Topic, r.Partition, r.Offset)
	i := n - c.index*perSetting
	switch {
	case n < 0 || i >= c.count || c.topics[i%len(c.topics)] != r.Topic:
		keep(&v.content, "%s is not one of ours: %q %q", at, r.Key, r.Value)
		return
	case c.seen[n]:
		keep(&v.content, "%s: number %d is stored twice", at, n)
	case n <= c.last:
		keep(&v.content, "%s: number %d follows number %d", at, n, c.last)
	}
	c.seen[n], c.last = true, n
	want := viewOf(record(r.Topic, n, c.ours))
	if c.ours.timestamps == timesOfSending && time.Since(r.Timestamp) < time.Hour {
		want.Time = r.Timestamp.UTC()
	}
	if got := viewOf(r); !reflect.DeepEqual(want, got) {
		keep(&v.content, "%s differs from number %d (-sent +stored):\n%s", at, n, cmp.Diff(want, got))
	}
	c.takeBatch(v, r, at)
}

// takeBatch looks at what a record's batch says.
func (c *tally) takeBatch(v *verdict, r *kgo.Record, at string) {
	want := c.job.settings[c.index].stored
	codec := codecs[r.Attrs.CompressionType()]
	switch {
	case codec == want.codec:
		c.asked++
	case codec != "none" || !c.mayShrink:
		keep(&v.codec, "%s has codec %s", at, codec)
	}
	producer := ""
	if c.perTopic {
		producer = r.Topic
	}
	switch id, before := r.ProducerID, c.ids[producer]; {
	case !want.idempotent && id != noProducer:
		keep(&v.id, "%s has producer id %d", at, id)
	case want.idempotent && id == noProducer:
		keep(&v.id, "%s has no producer id", at)
	case want.idempotent && c.throughMesh != (id >= minted):
		keep(&v.id, "%s has producer id %d", at, id)
	case before != 0 && before != id:
		keep(&v.id, "%s has producer id %d after %d", at, id, before)
	default:
		c.ids[producer] = id
	}
}

func (c *tally) finish(v *verdict) {
	if len(c.seen) != c.count {
		keep(&v.content, "%d of %d records stored", len(c.seen), c.count)
	}
	if want := c.job.settings[c.index].codec; c.asked < len(c.seen)/2 {
		keep(&v.codec, "%d of %d records came as %s", c.asked, len(c.seen), want)
	}
}

// keep keeps the first fault.
func keep(at *string, format string, args ...any) {
	if *at == "" {
		*at = fmt.Sprintf(format, args...)
	}
}
