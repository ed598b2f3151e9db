package fetch

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// Who takes little of a large answer, and does not read it, does not hold the rest, which nobody counts.
func TestLittleOfALargeAnswerIsCopied(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		memory int
		taken  []int // bytes of each partition
		copied bool
	}{
		{"all of a large one", 1 << 20, []int{600 << 10, 400 << 10}, false},
		{"a quarter", 1 << 20, []int{200 << 10, 56 << 10}, false},
		{"less", 1 << 20, []int{200 << 10, 55 << 10}, true},
		{"an error and little else", 1 << 20, []int{0, 1}, true},
		{"little of a small one", largeAnswer - 1, []int{1}, false},
		{"errors only", 0, []int{0, 0}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			q := &poll{memory: c.memory}
			told := make([]wire.Fetched, len(c.taken))
			var taken parcels
			taken.add(nil, &wire.Fetched{})
			var want []string
			var frame [][]byte
			for i, n := range c.taken {
				told[i].Records = make([]byte, n)
				frame = append(frame, told[i].Records)
				taken.add(q, &told[i])
				want = append(want, string(told[i].Records))
			}
			held, copied := taken.detach()
			if c.copied {
				held, copied = copied, held
			}
			if len(held) != len(c.taken) || len(copied) != 0 || q.taking != 0 {
				t.Errorf("%d and %d are held and copied, or the other way around, and %d bytes are still being taken", len(held), len(copied), q.taking)
			}
			if c.copied {
				for _, records := range frame {
					for i := range records {
						records[i] = 'x'
					}
				}
			}
			var got []string
			for i := range told {
				got = append(got, string(told[i].Records))
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("records changed with the frame they were in (-want +got):\n%.400s", diff)
			}
		})
	}
}
