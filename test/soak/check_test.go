package soak

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

// TestWhatIsWrongIsFound has a reader and a writer meet each fault that the load is to find.
func TestWhatIsWrongIsFound(t *testing.T) {
	t.Parallel()
	const topic = "apples"
	stored := func(offset, number int64) *kgo.Record {
		return &kgo.Record{Topic: topic, Offset: offset, Value: value(topic, 0, number)}
	}
	for _, c := range []struct {
		name   string
		log    []*kgo.Record
		faults int
	}{
		{"nothing", []*kgo.Record{stored(0, 0), stored(1, 1), stored(2, 2)}, 0},
		{"lost", []*kgo.Record{stored(0, 0), stored(1, 2)}, 1},
		{"lost and forgotten", []*kgo.Record{stored(0, 0), stored(2, 2)}, 1},
		{"doubled", []*kgo.Record{stored(0, 0), stored(1, 0)}, 1},
		{"reordered", []*kgo.Record{stored(0, 0), stored(1, 2), stored(2, 1)}, 2},
		{"changed", []*kgo.Record{{Topic: topic, Value: append(value(topic, 0, 0), 'x')}}, 1},
		{"of another partition", []*kgo.Record{{Topic: topic, Value: value(topic, 1, 0)}}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := &faults{tell: t.Logf}
			r := reader{lanes: map[string]*lane{topic: {}}, faults: f}
			for _, record := range c.log {
				r.check(record)
			}
			if got := f.count(); got != c.faults {
				t.Errorf("%d faults, want %d", got, c.faults)
			}
		})
	}
}

func TestWhatWritersAreToldIsCompared(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		number int64
		offset int64
		err    error
		faults int
	}{
		{"as it is due", 0, 0, nil, 0},
		{"another offset", 0, 1, nil, 1},
		{"before its turn", 1, 1, nil, 1},
		{"given up", 0, -1, kgo.ErrRecordTimeout, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := &writer{topic: "apples", faults: &faults{tell: t.Logf}}
			w.told(0, c.number, c.offset, c.err)
			if got := w.faults.count(); got != c.faults {
				t.Errorf("%d faults, want %d", got, c.faults)
			}
		})
	}
}

// TestWhatIsMissingIsFound has something acknowledged that is not stored.
func TestWhatIsMissingIsFound(t *testing.T) {
	t.Parallel()
	w := &writer{topic: "apples", faults: &faults{tell: t.Logf}}
	r := reader{lanes: map[string]*lane{w.topic: {writer: w}}, faults: w.faults}
	if err := r.behind(); err != nil {
		t.Errorf("behind() = %v before anything was written", err)
	}
	w.told(1, 0, 0, nil)
	if err := r.behind(); err == nil {
		t.Error("behind() = nil, want what is missing")
	}
	r.check(&kgo.Record{Topic: w.topic, Partition: 1, Value: value(w.topic, 1, 0)})
	if err := r.behind(); err != nil || w.faults.count() > 0 {
		t.Errorf("behind() = %v, %d faults, want none", err, w.faults.count())
	}
}
