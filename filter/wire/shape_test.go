package wire_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// eachShape calls f for each shape in each version that Kafka or a client may use, and kmsg knows too.
func eachShape(f func(s *wire.Shape, version int16)) {
	for _, s := range wire.Shapes() {
		api, listed := served.Lookup(s.Key)
		for v := range kmsg.RequestForKey(int16(s.Key)).MaxVersion() + 1 {
			if s.Defined.Has(v) || listed && api.Served(v) { // Kafka has forgotten what older ones were like
				f(s, v)
			}
		}
	}
}

// Whatever request kmsg makes, its shape takes it, and no part of it that is shorter.
func TestShapesTakeRequests(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(1, 2))
	eachShape(func(s *wire.Shape, version int16) {
		for range 50 {
			req := kmsg.RequestForKey(int16(s.Key))
			fill(rnd, reflect.ValueOf(req).Elem())
			req.SetVersion(version)
			body := req.AppendTo(nil)
			if err := s.Check(version, body); err != nil {
				t.Errorf("%s v%d: %v, of %x", s.Name, version, err, body)
			}
			wantTruncatedRefused(t, s, version, body)
		}
	})
}

// fill gives all fields of a request random values.
func fill(rnd *rand.Rand, v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[kmsg.Tags]() {
			return
		}
		for i := range v.NumField() {
			if v.Type().Field(i).Name != "Version" {
				fill(rnd, v.Field(i))
			}
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), rnd.IntN(3), 3))
		for i := range v.Len() {
			fill(rnd, v.Index(i))
		}
	case reflect.Array:
		for i := range v.Len() {
			fill(rnd, v.Index(i))
		}
	case reflect.Pointer:
		if v.SetZero(); rnd.IntN(2) == 0 {
			v.Set(reflect.New(v.Type().Elem()))
			fill(rnd, v.Elem())
		}
	case reflect.String:
		v.SetString("abcd"[:rnd.IntN(5)])
	case reflect.Bool:
		v.SetBool(rnd.IntN(2) == 0)
	case reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(rnd.Int64())
	case reflect.Uint8, reflect.Uint16, reflect.Uint32:
		v.SetUint(rnd.Uint64())
	default:
		panic("a field of type " + v.Type().String())
	}
}

// A request that is made of its shape is what kmsg reads; and one whose count or length is more than there is, or null where that
// may not be, is refused with the field's name.
func TestShapesRefuseLies(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(1, 2))
	eachShape(func(s *wire.Shape, version int16) {
		for range 50 {
			w := written(rnd, s, version)
			if err := s.Check(version, w.body); err != nil {
				t.Errorf("%s v%d: %v, of %x", s.Name, version, err, w.body)
			}
			wantReadByKmsg(t, s, version, w)
			wantTruncatedRefused(t, s, version, w.body)
			for _, c := range w.counts {
				for _, lie := range c.lies() {
					body := slices.Clone(w.body)
					copy(body[c.at:], lie)
					if err := s.Check(version, body); reasonOf(err) != wire.ReasonMalformedBody || !strings.Contains(err.Error(), ": "+c.field.Name+": ") {
						t.Errorf("%s v%d, %s is %x: %v, want malformed_body that names the field", s.Name, version, c.field.Name, lie, err)
					}
				}
			}
		}
	})
}

func wantReadByKmsg(t *testing.T, s *wire.Shape, version int16, w *writer) {
	t.Helper()
	req := kmsg.RequestForKey(int16(s.Key))
	req.SetVersion(version)
	if err := req.ReadFrom(w.body); err != nil {
		t.Errorf("%s v%d: kmsg does not read %x: %v", s.Name, version, w.body, err)
	} else if got := req.AppendTo(nil); !w.tagged && !bytes.Equal(got, w.body) { // it leaves out tagged fields of no interest
		t.Errorf("%s v%d: kmsg makes %x of %x", s.Name, version, got, w.body)
	}
}

func wantTruncatedRefused(t *testing.T, s *wire.Shape, version int16, body []byte) {
	t.Helper()
	for n := range len(body) {
		err := s.Check(version, body[:n])
		if reasonOf(err) != wire.ReasonMalformedBody {
			t.Errorf("%s v%d, %d bytes of %x: %v, want malformed_body", s.Name, version, n, body, err)
		} else if v, _ := errors.AsType[*wire.Violation](err); !names(s.Fields, v.Detail) && !strings.Contains(v.Detail, "tag") {
			t.Errorf("%s v%d, %d bytes of %x: %v names no field", s.Name, version, n, body, err)
		}
	}
}

func names(fields []wire.Field, detail string) bool {
	return slices.ContainsFunc(fields, func(f wire.Field) bool {
		return strings.Contains(detail, ": "+f.Name+": ") || names(f.Fields, detail)
	})
}

// Checking a request takes no memory, whatever its counts say.
//
//nolint:paralleltest // counts what the process allocates
func TestShapesTakeNoMemory(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	eachShape(func(s *wire.Shape, version int16) {
		w := written(rnd, s, version)
		if n := testing.AllocsPerRun(20, func() { _ = s.Check(version, w.body) }); n > 0 {
			t.Errorf("%s v%d: %.0f allocations", s.Name, version, n)
		}
	})
}

// DecodeProduce, which is written by hand, takes and refuses what its shape does.
func TestDecodeProduceHasItsShape(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(1, 2))
	for version := range int16(13) {
		for range 2000 {
			body := written(rnd, wire.ShapeProduce, version).body
			for range rnd.IntN(4) {
				body[rnd.IntN(len(body))] = []byte{0, 1, 2, 0x7f, 0x80, 0xff}[rnd.IntN(6)]
			}
			want := wire.ShapeProduce.Check(version, body)
			if _, err := wire.DecodeProduce(version, body); reasonOf(err) != reasonOf(want) {
				t.Errorf("DecodeProduce(%d, %x): %v, its shape says %v", version, body, err, want)
			}
		}
	}
}

// writer makes a request of its shape, and remembers where its counts and lengths are.
type writer struct {
	rnd      *rand.Rand
	version  int16
	flexible bool
	body     []byte
	counts   []counted
	tagged   bool // it has tagged fields
}

// counted is where a request has a count or a length.
type counted struct {
	field    wire.Field
	at, size int
	flexible bool
	nullable bool
}

// longest is less than the least lie about a count.
const longest = 0x7e

// written is a request of no more than a lie's length.
func written(rnd *rand.Rand, s *wire.Shape, version int16) *writer {
	for {
		w := &writer{rnd: rnd, version: version, flexible: version >= s.Flexible}
		w.structure(s.Fields)
		if len(w.body) < longest {
			return w
		}
	}
}

// lies are counts of more than there is, or of null where that may not be.
func (c counted) lies() [][]byte {
	var lies [][]byte
	switch {
	case c.flexible:
		lies = [][]byte{{longest + 1}}
	case c.size == 2:
		lies = [][]byte{{0x7f, 0xff}, {0, longest}}
	default:
		lies = [][]byte{{0x7f, 0xff, 0xff, 0xff}, {0, 0, 0, longest}}
	}
	switch {
	case c.nullable:
		return lies
	case c.flexible:
		return append(lies, []byte{0})
	default:
		return append(lies, bytes.Repeat([]byte{0xff}, c.size), []byte{0x80, 0, 0, 0}[:c.size])
	}
}

func (w *writer) structure(fields []wire.Field) {
	var tagged []wire.Field
	for _, f := range fields {
		switch {
		case f.Tagged.Has(w.version):
			tagged = append(tagged, f)
		case f.Versions.Has(w.version):
			w.field(f)
		}
	}
	if !w.flexible {
		return
	}
	slices.SortFunc(tagged, func(a, b wire.Field) int { return int(a.Tag) - int(b.Tag) })
	tagged = tagged[:w.rnd.IntN(len(tagged)+1)]
	w.tagged = w.tagged || len(tagged) > 0
	w.body = append(w.body, byte(len(tagged)))
	for _, f := range tagged {
		w.body = append(w.body, byte(f.Tag), 0)
		start := len(w.body)
		w.field(f)
		w.body[start-1] = byte(len(w.body) - start)
	}
}

func (w *writer) field(f wire.Field) {
	if !f.Array {
		w.value(f)
		return
	}
	n := w.count(f, true, f.Nullable.Has(w.version))
	for range n {
		w.value(f)
	}
}

func (w *writer) value(f wire.Field) {
	switch f.Type {
	case wire.TypeFixed:
		for range f.Size {
			w.body = append(w.body, byte(w.rnd.IntN(2))) // good for a bool, too
		}
	case wire.TypeStruct:
		if !f.Array && f.Nullable.Has(w.version) {
			if w.rnd.IntN(2) == 0 {
				w.body = append(w.body, 0xff)
				return
			}
			w.body = append(w.body, 1)
		}
		w.structure(f.Fields)
	default:
		n := w.count(f, f.Type == wire.TypeBytes, !f.Array && f.Nullable.Has(w.version))
		for range n {
			w.body = append(w.body, byte('a'+w.rnd.IntN(26)))
		}
	}
}

// count writes how many elements or bytes there are, and returns it.
func (w *writer) count(f wire.Field, wide, nullable bool) int {
	n := w.rnd.IntN(3)
	if nullable && w.rnd.IntN(3) == 0 {
		n = -1
	}
	c := counted{field: f, at: len(w.body), flexible: w.flexible, nullable: nullable}
	switch {
	case w.flexible:
		w.body = append(w.body, byte(n+1))
	case wide:
		w.body = binary.BigEndian.AppendUint32(w.body, uint32(n))
	default:
		w.body = binary.BigEndian.AppendUint16(w.body, uint16(n))
	}
	c.size = len(w.body) - c.at
	w.counts = append(w.counts, c)
	return n
}
