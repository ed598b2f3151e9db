package session

import (
	"bytes"
	"slices"
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/broker"
)

// part is n bytes that begin with a letter.
func part(letter byte, n int) []byte { return bytes.Repeat([]byte{letter}, n) }

// record is a connection that keeps what it is given.
type record struct {
	Conn

	parts [][]byte
	sent  func()
	full  bool
}

func (r *record) Writev(parts [][]byte, sent func()) bool {
	r.sent = sent
	r.parts = slices.Clone(parts)
	for i, p := range parts { // as a host may
		r.parts[i] = bytes.Clone(p)
		parts[i] = p[len(p):]
	}
	return r.full
}

// Short parts are joined with their neighbours, long ones are written from where they are, and the bytes and their order stay.
func TestJoin(t *testing.T) {
	t.Parallel()
	const long = joinBelow
	for _, tt := range []struct {
		name    string
		lengths []int
		want    []int
	}{
		{"one short", []int{5}, []int{5}},
		{"short ones", []int{1, 2, 3}, []int{6}},
		{"one long", []int{long}, []int{long}},
		{"long ones", []int{long, long + 1}, []int{long, long + 1}},
		{"a head and its part", []int{20, long}, []int{20, long}},
		{"between long ones", []int{long, 1, 2, long, 3, long, 4, 5}, []int{long, 3, long, 3, long, 9}},
		{"as many as a buffer grows for", slices.Repeat([]int{long - 1}, 100), []int{100 * (long - 1)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var parts [][]byte
			for i, n := range tt.lengths {
				parts = append(parts, part(byte(i), n))
			}
			want := slices.Concat(parts...)
			firsts := map[*byte]bool{}
			for _, p := range parts {
				firsts[&p[0]] = true
			}
			got, _ := join(slices.Clone(parts), nil)
			var lengths []int
			for _, p := range got {
				if lengths = append(lengths, len(p)); len(p) >= long && len(tt.want) > 1 && !firsts[&p[0]] {
					t.Errorf("a part of %d bytes was copied", len(p))
				}
			}
			if !slices.Equal(lengths, tt.want) || !bytes.Equal(slices.Concat(got...), want) {
				t.Errorf("parts of %v bytes, want %v; the same bytes: %t", lengths, tt.want, bytes.Equal(slices.Concat(got...), want))
			}
		})
	}
}

// What is written once is not written again, and nothing of it is kept.
func TestOutgoing(t *testing.T) {
	t.Parallel()
	var o outgoing
	c := &record{full: true}
	for round := range 3 {
		o.add(nil, nil)
		o.add(part('a', 10), [][]byte{part('b', 5000), nil, part('c', 7)})
		o.add(part('d', 10), nil)
		if got := o.size(); got != 5027 {
			t.Errorf("%d bytes to write, want 5027", got)
		}
		if !o.write(c, nil) {
			t.Error("not full, as the host says")
		}
		want := slices.Concat(part('a', 10), part('b', 5000), part('c', 7), part('d', 10))
		if got := slices.Concat(c.parts...); !bytes.Equal(got, want) || len(c.parts) != 3 || o.size() != 0 {
			t.Errorf("round %d: %d bytes in %d parts, %d left", round, len(got), len(c.parts), o.size())
		}
		if i := slices.IndexFunc(o.parts[:cap(o.parts)], func(p []byte) bool { return p != nil }); i >= 0 {
			t.Errorf("part %d is kept", i)
		}
	}
	for range maxParts + 1 {
		o.add(part('x', 1), nil)
	}
	if o.write(c, nil); o.parts != nil || len(c.parts) != 1 {
		t.Errorf("a list of %d parts is kept, %d parts were written; want none, 1", cap(o.parts), len(c.parts))
	}
}

// Who has lent what is written has it back when the host says that it is sent, and not before; also a buffer that short parts were joined in.
func TestLent(t *testing.T) {
	t.Parallel()
	var o outgoing
	c := &record{}
	returned := 0
	for _, lent := range []releases{nil, {func() { returned++ }, func() { returned += 10 }}} {
		o.add(part('a', 10), [][]byte{part('b', 10), part('c', 5000)})
		o.write(c, lent)
		if (c.sent == nil) != (lent == nil) || returned != 0 || o.size() != 0 {
			t.Fatalf("%d lent: told %t, returned %d, %d bytes left", len(lent), c.sent != nil, returned, o.size())
		}
	}
	if c.sent(); returned != 11 {
		t.Errorf("returned %d, want 11", returned)
	}
}

// An answer counts with its parts until it is written.
func TestPartsAreCounted(t *testing.T) {
	t.Parallel()
	var q inflight
	q.init(Limits{MaxConnectionBytes: 1 << 20, MaxConnectionRequests: 10})
	var first, second place
	q.push(&first, 100, false)
	q.push(&second, 100, false)
	freed, ok := q.complete(&second, broker.Answer{Frame: part('a', 10), Parts: [][]byte{part('b', 2<<20)}})
	if want := int64(requestCost + 100 - 10 - 2<<20); freed != want || !ok || !q.over() {
		t.Errorf("freed %d, first %t, over %t; want %d, true, true", freed, ok, q.over(), want)
	}
	q.complete(&first, broker.Answer{})
	if freed, _ := q.drop(); freed != 10+2<<20 || q.over() {
		t.Errorf("freed %d of answers, over %t; want %d, false", freed, q.over(), 10+2<<20)
	}
}
