package conformance

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire/wiretest"
	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// damages is how many damaged batches are compared. What damages them is the same in each run.
const damages = 400

// TestDamagedBatches sends batches with bytes changed or cut off to a broker and to the mesh: both answer the same code.
// It finds what nobody has thought of when the scenarios were written; the difference brokerStumbles it takes for granted.
func TestDamagedBatches(t *testing.T) {
	t.Parallel()
	var compared []*target
	for _, target := range targets(t) {
		if target.oracle.version == stack.KafkaVersion && target.host != "narrow" {
			compared = append(compared, target)
		}
	}
	for i := range uint64(damages) {
		version, batch, how := damaged(i)
		var want string
		for _, target := range compared {
			got := perform(t, target, scenario{do: func(c *client) {
				c.ask(produce(version, c.topic("damaged"), 0, batch))
			}})
			got = offsets.ReplaceAllString(wordless(got), "")
			switch {
			case !target.mesh():
				want = got
			case got != want && !strings.Contains(want, "UNKNOWN_SERVER_ERROR"):
				t.Errorf("%d: v%d with %s: %s shows %q, want %q", i, version, how, target.name, got, want)
			}
		}
	}
}

var offsets = regexp.MustCompile(` (offset|appended)=\w+`)

// damaged is batch i, the version of Produce that it is for, and what was done to it.
func damaged(i uint64) (version int16, batch []byte, how string) {
	r := rand.New(rand.NewPCG(0, i))
	version = []int16{3, 7, 9, 11}[r.IntN(4)]
	b := wiretest.Batch{
		Records: wiretest.Records(1+r.IntN(3), 10),
		Codec:   []kgo.CompressionCodecType{kgo.CodecNone, kgo.CodecNone, kgo.CodecGzip, kgo.CodecSnappy, kgo.CodecLz4}[r.IntN(5)],
	}
	if r.IntN(3) == 0 {
		b.Producer = &wiretest.Producer{ID: 1<<61 | int64(i), Sequence: int32(r.IntN(5))}
	}
	batch = b.Bytes()
	switch r.IntN(4) {
	case 0:
		batch = batch[:r.IntN(len(batch))]
		return version, batch, fmt.Sprintf("a batch cut to %d bytes", len(batch))
	case 1:
		how = "a sealed batch" + change(r, batch[offCRC+4:])
		wiretest.Seal(batch)
	case 2:
		how = "a batch" + change(r, batch)
	default:
		how = "a header" + change(r, batch[:headerSize])
	}
	return version, batch, how
}

// change changes a byte or two.
func change(r *rand.Rand, b []byte) string {
	var how strings.Builder
	for range 1 + r.IntN(2) {
		at := r.IntN(len(b))
		old := b[at]
		b[at] = []byte{old ^ 1<<r.IntN(8), byte(r.IntN(256)), old + 1, old - 1}[r.IntN(4)]
		fmt.Fprintf(&how, " [%d of %d] %02x to %02x", at, len(b), old, b[at])
	}
	return how.String()
}
