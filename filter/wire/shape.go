package wire

import (
	"fmt"
	"math"
)

// Shape is what a request of one API is made of, version by version, as Kafka defines it: the message definitions in
// testdata/definitions, of which cmd/internal/shapegen makes shapes.go. It is read, never changed.
type Shape struct {
	Key  APIKey
	Name string // of the API, as in Kafka's protocol guide
	// Defined are the versions that Kafka knows. What clients may ask for is an API's to say.
	Defined Versions
	// Flexible is the first version with compact lengths and tagged fields (KIP-482), in headers and bodies; Later if there is none.
	Flexible int16
	Fields   []Field
}

// Field is one field of a request, or of a structure in it, in the order in which they follow each other.
type Field struct {
	Name     string
	Type     Type
	Size     int  // in bytes, for TypeFixed
	Array    bool // of any number of these
	Versions Versions
	Nullable Versions
	Tagged   Versions // those in which it is a tagged field
	Tag      uint32
	Fields   []Field // for TypeStruct
}

// Type says how a field is written.
type Type uint8

// The types of fields.
const (
	TypeFixed  Type = iota // a number, a bool or an id: always of the same size
	TypeString             // its length and as many bytes
	TypeBytes              // the same, with a wider length
	TypeStruct             // fields, and tagged fields where the message is flexible
)

// Versions is a range of versions: From is in it, Until is not. The zero value has none.
type Versions struct{ From, Until int16 }

// Later is the end of a range that takes in all later versions.
const Later = math.MaxInt16

// Has says whether version is in the range.
func (v Versions) Has(version int16) bool { return v.From <= version && version < v.Until }

// MaxControlBytes is the longest body of a request other than Produce.
const MaxControlBytes = 1 << 20

// Check walks over the body of a request, and fails with a *Violation that names the field if the body is not what it says, or
// more than a request other than Produce may be. Bytes behind the request are not looked at.
func (s *Shape) Check(version int16, body []byte) error {
	if len(body) > MaxControlBytes {
		return &Violation{ReasonRequestTooLarge, fmt.Sprintf("%s v%d: body of %d bytes, the limit is %d",
			s.Name, version, len(body), MaxControlBytes)}
	}
	r := newReader(body, version >= s.Flexible)
	r.most = MaxControlElements
	r.structure(s.Fields, version)
	return r.endRequest(s.Name, version)
}

// structure walks over fields, and the tagged fields behind them.
func (r *reader) structure(fields []Field, version int16) {
	for i := range fields {
		if f := &fields[i]; f.plain(version) {
			r.field(f, version)
		}
	}
	if !r.flexible {
		return
	}
	r.eachTag(func(tag uint32, content []byte) {
		for i := range fields {
			if f := &fields[i]; f.Tag == tag && f.Tagged.Has(version) {
				r.within(content, func() { r.field(f, version) })
			}
		}
	})
}

// within walks over part of a message that has been stepped over.
func (r *reader) within(part []byte, walk func()) {
	rest, size := r.src, r.size
	r.src, r.size = part, size-len(rest)
	walk()
	r.size = size
	if r.ok() {
		r.src = rest
	}
}

// field walks over one field, an array with all that is in it.
func (r *reader) field(f *Field, version int16) {
	if !f.Array {
		r.value(f, version)
		return
	}
	least, fixed := f.element(version, r.flexible)
	n := r.array(max(1, least), f.Name)
	switch {
	case n < 0:
		if !f.Nullable.Has(version) {
			r.fail(ReasonMalformedBody, "%s: null", f.Name)
		}
	case fixed:
		r.span(n*least, f.Name)
	default:
		for range n {
			r.value(f, version)
		}
	}
}

// value walks over one value of a field.
func (r *reader) value(f *Field, version int16) {
	switch f.Type {
	case TypeFixed:
		r.span(f.Size, f.Name)
	case TypeString:
		if r.nullable(f.Name) == nil {
			r.wantNullable(f, version)
		}
	case TypeBytes:
		if r.bytes(f.Name) == nil {
			r.wantNullable(f, version)
		}
	case TypeStruct:
		if f.absent(version) && r.isNull(f.Name) {
			return
		}
		r.structure(f.Fields, version)
	}
}

// isNull reads whether a structure is null, which a byte before it says.
func (r *reader) isNull(what string) bool { return r.int8(what) == -1 }

// wantNullable refuses null in a field that may not be null. That elements of an array are null is not defined.
func (r *reader) wantNullable(f *Field, version int16) {
	if r.ok() && (f.Array || !f.Nullable.Has(version)) {
		r.fail(ReasonMalformedBody, "%s: null", f.Name)
	}
}

// absent says whether the field is one structure, which may be null.
func (f *Field) absent(version int16) bool {
	return f.Type == TypeStruct && !f.Array && f.Nullable.Has(version)
}

// plain says whether the field is there in a version, and is no tagged field.
func (f *Field) plain(version int16) bool { return f.Versions.Has(version) && !f.Tagged.Has(version) }

// element is the size of the smallest value of a field, or of an array's elements, and whether all of them have that size.
func (f *Field) element(version int16, flexible bool) (least int, fixed bool) {
	switch f.Type {
	case TypeFixed:
		return f.Size, true
	case TypeStruct:
		if f.absent(version) {
			return 1, false
		}
		return smallest(f.Fields, version, flexible)
	default:
		return lengthSizeOf(f.Type == TypeBytes, flexible), false
	}
}

// smallest is the size of the smallest structure with these fields, and whether each of them has that size.
func smallest(fields []Field, version int16, flexible bool) (least int, fixed bool) {
	fixed = true
	for i := range fields {
		f := &fields[i]
		if !f.plain(version) {
			continue
		}
		n, same := lengthSizeOf(true, flexible), false
		if !f.Array {
			n, same = f.element(version, flexible)
		}
		least, fixed = least+n, fixed && same
	}
	if flexible { // there may be tagged fields
		return least + 1, false
	}
	return least, fixed
}

// lengthSizeOf is the size of the smallest length of a string, or of bytes and arrays, which have a wider one.
func lengthSizeOf(wide, flexible bool) int {
	switch {
	case flexible:
		return 1
	case wide:
		return 4
	default:
		return 2
	}
}
