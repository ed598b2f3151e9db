package order_test

import (
	"encoding/binary"
	"math"
	"testing"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/order"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// numbered is a batch of an idempotent producer: count records from sequence on.
func numbered(producer int64, epoch int16, sequence, count int32) *wire.Batch {
	b := make([]byte, 70)
	binary.BigEndian.PutUint32(b[23:], uint32(count-1))
	binary.BigEndian.PutUint64(b[43:], uint64(producer))
	binary.BigEndian.PutUint16(b[51:], uint16(epoch))
	binary.BigEndian.PutUint32(b[53:], uint32(sequence))
	return &wire.Batch{Topic: "a", Records: b}
}

// plain is an uncompressed batch without sequence numbers: records of a few bytes, each with its length.
func plain(timestamp byte, records ...string) *wire.Batch {
	b := make([]byte, 61)
	b[34] = timestamp
	binary.BigEndian.PutUint64(b[43:], math.MaxUint64)
	for _, r := range records {
		b = append(binary.AppendVarint(b, int64(len(r))), r...)
	}
	return &wire.Batch{Topic: "a", Records: b}
}

// step is a batch that comes by a call of its own, and whether another has to come first. What is refused is answered so.
type step struct {
	batch   *wire.Batch
	refused bool
}

func TestRefuses(t *testing.T) {
	t.Parallel()
	other := numbered(1, 0, 5, 1)
	other.Partition = 1
	compressed := plain(0, "one")
	compressed.Records[22] = 1
	for _, tc := range []struct {
		name   string
		raised []*wire.Batch
		after  time.Duration
		then   []step
	}{
		{"what is behind waits for the first", []*wire.Batch{numbered(1, 0, 3, 2)}, 0, []step{
			{numbered(1, 0, 5, 1), true}, {numbered(1, 0, 6, 1), true}, {numbered(1, 0, 3, 2), false}, {numbered(1, 0, 5, 1), false},
		}},
		{"the first of several", []*wire.Batch{numbered(1, 0, 4, 1), numbered(1, 0, 3, 1), numbered(1, 0, 5, 1)}, 0, []step{
			{numbered(1, 0, 6, 1), true}, {numbered(1, 0, 3, 1), false}, {numbered(1, 0, 4, 1), false},
		}},
		{"another partition or producer", []*wire.Batch{numbered(1, 0, 3, 1)}, 0, []step{{other, false}, {numbered(2, 0, 5, 1), false}}},
		{"a part of it that begins as it does", []*wire.Batch{numbered(1, 0, 3, 10)}, 0, []step{
			{numbered(1, 0, 3, 5), false}, {numbered(1, 0, 8, 5), false},
		}},
		{"a batch that ends with it", []*wire.Batch{numbered(1, 0, 3, 1)}, 0, []step{{numbered(1, 0, 0, 4), false}, {numbered(1, 0, 4, 1), false}}},
		{"what is before it changes nothing", []*wire.Batch{numbered(1, 0, 3, 1)}, 0, []step{
			{numbered(1, 0, 1, 2), false}, {numbered(1, 0, 4, 1), true},
		}},
		{"sequence numbers begin again", []*wire.Batch{numbered(1, 0, math.MaxInt32-1, 2)}, 0, []step{
			{numbered(1, 0, 0, 1), true}, {numbered(1, 0, math.MaxInt32-1, 2), false}, {numbered(1, 0, 0, 1), false},
		}},
		{"before they begin again", []*wire.Batch{numbered(1, 0, 0, 1)}, 0, []step{
			{numbered(1, 0, math.MaxInt32, 1), false}, {numbered(1, 0, 1, 1), true},
		}},
		{"a new epoch", []*wire.Batch{numbered(1, 0, 3, 1)}, 0, []step{{numbered(1, 1, 0, 1), false}, {numbered(1, 1, 1, 1), false}}},
		{"an epoch that is over", []*wire.Batch{numbered(1, 1, 3, 1)}, 0, []step{{numbered(1, 0, 9, 1), false}, {numbered(1, 1, 4, 1), true}}},
		{"an epoch that is over, refused", []*wire.Batch{numbered(1, 1, 3, 1), numbered(1, 0, 1, 1)}, 0, []step{{numbered(1, 1, 4, 1), true}}},
		{"time does not matter", []*wire.Batch{numbered(1, 0, 3, 1)}, 5 * time.Minute, []step{{numbered(1, 0, 4, 1), true}}},
		{"the client has given up", []*wire.Batch{numbered(1, 0, 3, 1)}, 11 * time.Minute, []step{{numbered(1, 0, 4, 1), false}}},
		{"a client that does without it", []*wire.Batch{numbered(1, 0, 3, 1)}, 0, []step{
			{numbered(1, 0, 4, 1), true}, {numbered(1, 0, 5, 1), true}, {numbered(1, 0, 4, 1), false}, {numbered(1, 0, 5, 1), false},
		}},
		{"a client that knows of the first refusal alone", []*wire.Batch{numbered(1, 0, 4, 1), numbered(1, 0, 3, 1)}, 0, []step{
			{numbered(1, 0, 4, 1), true}, {numbered(1, 0, 5, 1), true}, {numbered(1, 0, 3, 1), false}, {numbered(1, 0, 4, 1), false},
		}},
		{"without numbers: the same batch", []*wire.Batch{plain(0, "one")}, 0, []step{
			{plain(0, "two"), true}, {plain(0, "one"), false}, {plain(0, "two"), false},
		}},
		{"without numbers: its first record in another batch", []*wire.Batch{plain(0, "one", "two")}, 0, []step{
			{plain(1, "two"), true}, {plain(1, "one"), false},
		}},
		{"without numbers: what came first", []*wire.Batch{plain(0, "one"), plain(0, "two")}, 0, []step{
			{plain(0, "two"), true}, {plain(0, "one"), false},
		}},
		{"without numbers: not known again", []*wire.Batch{plain(0, "one")}, 6 * time.Second, []step{{plain(0, "two"), false}}},
		{"without numbers: compressed", []*wire.Batch{compressed}, 0, []step{{plain(0, "one"), false}}},
		{"without numbers: compressed, and not known again", []*wire.Batch{compressed}, 90 * time.Millisecond, []step{{plain(0, "two"), false}}},
		{"without numbers: not compressed", []*wire.Batch{plain(0, "one")}, 90 * time.Millisecond, []step{{plain(0, "two"), true}}},
		{"no batch at all", []*wire.Batch{{Topic: "a"}}, 0, []step{{&wire.Batch{Topic: "a"}, false}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var f order.Fences
			start := time.Now()
			for range 10 {
				f.Begin() // the client has so many under way
			}
			for i, b := range tc.raised {
				f.Raise(b, uint64(i), start)
			}
			for i, s := range tc.then {
				call := uint64(len(tc.raised) + i)
				got := f.Refuses(s.batch, call, start.Add(tc.after))
				if got != s.refused {
					t.Fatalf("step %d: Refuses = %v, want %v", i, got, s.refused)
				}
				if got {
					f.Raise(s.batch, call, start.Add(tc.after))
				}
			}
		})
	}
}

// Without sequence numbers, what came first is awaited, whenever its refusal is known.
func TestFirstByCall(t *testing.T) {
	t.Parallel()
	var f order.Fences
	now := time.Now()
	for range 5 {
		f.Begin()
	}
	f.Raise(plain(0, "two"), 2, now)
	f.Raise(plain(0, "one"), 1, now)
	f.Raise(plain(0, "three"), 3, now)
	if !f.Refuses(plain(0, "two"), 4, now) || f.Refuses(plain(0, "one"), 5, now) {
		t.Error("the batch of the first call is not the one that is awaited")
	}
}

// A fence that is raised late, when its batch has come again and is on its way, goes when that is stored.
func TestRaisedLate(t *testing.T) {
	t.Parallel()
	for name, b := range map[string][2]*wire.Batch{
		"numbered": {numbered(1, 0, 3, 1), numbered(1, 0, 4, 1)}, "plain": {plain(0, "one"), plain(0, "two")},
	} {
		var f order.Fences
		f.Raise(b[0], 1, time.Now()) // and it had come again by call 2
		if f.Settled(b[0]); f.Refuses(b[1], 3, time.Now()) {
			t.Errorf("%s: refused though what it waits for is stored", name)
		}
	}
}

// What was sent behind the first try of a batch that was refused is out of order for a broker that has refused it; not what came after
// that batch had come again, nor once that has its result.
func TestBehind(t *testing.T) {
	t.Parallel()
	now := time.Now()
	first, behind := numbered(1, 0, 3, 1), numbered(1, 0, 4, 1)
	want := func(when string, f *order.Fences, b *wire.Batch, call uint64, want bool) {
		t.Helper()
		if f.Behind(b, call) != want {
			t.Errorf("%s: %t, want %t", when, !want, want)
		}
	}
	var f order.Fences
	want("nothing refused", &f, behind, 2, false)
	f.Raise(first, 1, now)
	want("behind", &f, behind, 2, true)
	want("itself", &f, first, 1, false)
	want("before it", &f, numbered(1, 0, 2, 1), 2, false)
	want("of another epoch", &f, numbered(1, 1, 4, 1), 2, false)
	want("of another producer", &f, numbered(2, 0, 4, 1), 2, false)
	if f.Refuses(first, 3, now) || f.Refuses(behind, 4, now) {
		t.Error("refused though the first has come again")
	}
	want("sent before the first came again", &f, behind, 2, true)
	want("sent after it", &f, behind, 4, false)
	f.Settled(first)
	want("the first is stored", &f, behind, 2, false)

	f.Raise(plain(0, "one"), 5, now)
	want("without sequence numbers", &f, plain(0, "two"), 6, false)
}

// A batch is refused, comes again, and one before it is refused after all: that is awaited, and who sent the other again did not know.
func TestRefusedBeforeWhatCameAgain(t *testing.T) {
	t.Parallel()
	now := time.Now()
	var f order.Fences
	f.Raise(numbered(1, 0, 4, 1), 2, now)
	if f.Refuses(numbered(1, 0, 4, 1), 3, now) {
		t.Error("refused though it is the one that is awaited")
	}
	f.Raise(numbered(1, 0, 3, 1), 1, now)
	if !f.Refuses(numbered(1, 0, 4, 1), 3, now) {
		t.Error("passed before what it was sent behind")
	}
}

// Without sequence numbers, what comes by more calls than the client has under way was sent by one that knows of the refusal.
func TestWindow(t *testing.T) {
	t.Parallel()
	for _, window := range []uint64{1, 5} {
		var f order.Fences
		now := time.Now()
		var call uint64
		for range window {
			call = f.Begin()
		}
		f.Raise(plain(0, "one"), call, now)
		for range 2 * window {
			f.End()
			if call = f.Begin(); !f.Refuses(plain(0, "two"), call, now) {
				t.Errorf("window %d: passed by call %d", window, call)
			}
			f.Raise(plain(0, "two"), call, now)
		}
		f.End()
		if f.Refuses(plain(0, "two"), f.Begin(), now) {
			t.Errorf("window %d: refused though the client knows", window)
		}
	}
}

// All connections together may have so many.
func TestTotal(t *testing.T) {
	t.Parallel()
	total := order.Total{Max: 2}
	a, b := order.Fences{Total: &total}, order.Fences{Total: &total}
	now := time.Now()
	a.Raise(numbered(1, 0, 0, 1), 1, now)
	a.Raise(numbered(2, 0, 0, 1), 1, now)
	a.Settled(numbered(2, 0, 0, 1))
	b.Raise(numbered(3, 0, 0, 1), 1, now)
	if a.Overflowed() || b.Overflowed() {
		t.Error("overflowed with two of two")
	}
	c := order.Fences{Total: &total}
	c.Raise(numbered(4, 0, 0, 1), 1, now)
	if !c.Overflowed() || !c.Refuses(numbered(4, 0, 1, 1), 2, now) {
		t.Error("a connection that may have none: nothing may pass")
	}
	b.Forget()
	a.Raise(numbered(4, 0, 0, 1), 1, now)
	if a.Raise(numbered(5, 0, 0, 1), 1, now); !a.Overflowed() {
		t.Error("three of two")
	}
}

// What is remembered is bounded; beyond it nothing passes any more.
func TestOverflow(t *testing.T) {
	t.Parallel()
	var f order.Fences
	now := time.Now()
	for i := range int64(order.MaxFences) {
		f.Raise(numbered(i, 0, 0, 1), 1, now)
	}
	if f.Overflowed() {
		t.Fatalf("overflowed after %d", order.MaxFences)
	}
	f.Raise(numbered(order.MaxFences, 0, 0, 1), 1, now)
	if !f.Overflowed() || !f.Refuses(numbered(order.MaxFences, 0, 1, 1), 2, now) {
		t.Error("one more: nothing may pass")
	}
}

// What clients have left behind for good makes room, before more than may be is remembered.
func TestExpired(t *testing.T) {
	t.Parallel()
	total := order.Total{Max: order.MaxFences}
	f := order.Fences{Total: &total}
	start := time.Now()
	f.Raise(numbered(0, 0, 0, 1), 1, start.Add(9*time.Minute))
	for i := range int64(order.MaxFences - 1) {
		f.Raise(numbered(1+i, 0, 0, 1), 1, start)
	}
	now := start.Add(11 * time.Minute)
	for i := range int64(order.MaxFences - 1) {
		f.Raise(numbered(order.MaxFences+i, 0, 0, 1), 2, now)
	}
	if f.Overflowed() {
		t.Error("overflowed, with room for all but the one that is old and still awaited")
	}
	if !f.Refuses(numbered(0, 0, 1, 1), 3, now) {
		t.Error("what is still awaited is forgotten")
	}
	if f.Raise(numbered(1<<40, 0, 0, 1), 3, now); !f.Overflowed() {
		t.Error("one more than may be")
	}
}

// FuzzFences: whatever comes, a batch that was refused passes when it comes again, and nothing of its producer before it that is
// behind it.
func FuzzFences(f *testing.F) {
	f.Add(numbered(1, 0, 3, 2).Records, numbered(1, 0, 5, 1).Records)
	f.Add(plain(0, "one").Records, plain(0, "two").Records)
	f.Add([]byte{}, []byte("x"))
	f.Fuzz(func(t *testing.T, first, second []byte) {
		var fences order.Fences
		now := time.Now()
		a, b := &wire.Batch{Records: first}, &wire.Batch{Records: second}
		fences.Raise(a, 1, now)
		if fences.Refuses(b, 2, now) {
			fences.Raise(b, 2, now)
		}
		if fences.Refuses(a, 3, now) {
			t.Error("the awaited batch is refused")
		}
		if fences.Refuses(b, 4, now) {
			t.Error("the awaited batch has come again, and what is behind it is refused")
		}
	})
}
