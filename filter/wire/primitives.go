package wire

import (
	"encoding/binary"
	"fmt"
	"unicode/utf8"
)

const (
	// MaxElements is how many topics and partitions one Produce request may name, together.
	MaxElements = 100_000
	// MaxControlElements is how many any other request may name: they are looked up and answered one by one, and a MiB has room
	// for half a million.
	MaxControlElements = 10_000
	// maxTags is how many tagged fields one message may carry. Nobody sends any; kmsg keeps each in a map.
	maxTags = 10_000
	// maxString is the longest string Kafka takes, compact ones too.
	maxString = 1<<15 - 1
)

// reader walks over a message. The first mistake stops it: after it every method gives zero and nothing is left, so
// that loops end; the mistake is in reason and detail. Nothing that it returns was taken on a peer's word: a length or
// a count is at most what is left.
type reader struct {
	src      []byte
	flexible bool

	size     int // of the whole message
	most     int // elements of arrays
	elements int // so far
	tagged   int // fields, so far
	reason   Reason
	detail   string
}

func newReader(src []byte, flexible bool) reader {
	return reader{src: src, flexible: flexible, size: len(src), most: MaxElements}
}

func (r *reader) ok() bool { return r.reason == 0 }

// fail stops the reader, unless it has stopped already. The detail ends with where it was.
func (r *reader) fail(reason Reason, format string, args ...any) {
	if r.reason == 0 {
		r.reason = reason
		r.detail = fmt.Sprintf(format, args...) + fmt.Sprintf(" at byte %d of %d", r.size-len(r.src), r.size)
	}
	r.src = nil
}

// span is the next n bytes, aliased.
func (r *reader) span(n int, what string) []byte {
	if n < 0 || n > len(r.src) {
		if r.ok() { // boxing the arguments costs even when fail does nothing
			r.fail(ReasonMalformedBody, "%s: %d bytes wanted, %d left", what, n, len(r.src))
		}
		return nil
	}
	s := r.src[:n:n]
	r.src = r.src[n:]
	return s
}

func (r *reader) int8(what string) int8 {
	if b := r.span(1, what); b != nil {
		return int8(b[0])
	}
	return 0
}

func (r *reader) int16(what string) int16 {
	if b := r.span(2, what); b != nil {
		return int16(binary.BigEndian.Uint16(b))
	}
	return 0
}

func (r *reader) int32(what string) int32 {
	if b := r.span(4, what); b != nil {
		return int32(binary.BigEndian.Uint32(b))
	}
	return 0
}

func (r *reader) int64(what string) int64 {
	if b := r.span(8, what); b != nil {
		return int64(binary.BigEndian.Uint64(b))
	}
	return 0
}

// uvarint is an unsigned varint of at most five bytes and 32 bits, as Kafka has it.
func (r *reader) uvarint(what string) uint32 {
	if len(r.src) > 0 && r.src[0] < 0x80 {
		v := uint32(r.src[0])
		r.src = r.src[1:]
		return v
	}
	v, n := binary.Uvarint(r.src[:min(len(r.src), 5)])
	if n <= 0 || v > 1<<32-1 {
		r.fail(ReasonMalformedBody, "%s: no unsigned varint", what)
		return 0
	}
	r.src = r.src[n:]
	return uint32(v)
}

// length is the length of a string (wide: of bytes), compact if the message is flexible; -1 means null. Like a
// broker, it takes every negative length for null.
func (r *reader) length(wide bool, what string) int {
	switch {
	case r.flexible:
		return int(r.uvarint(what)) - 1
	case wide:
		return max(-1, int(r.int32(what)))
	default:
		return max(-1, int(r.int16(what)))
	}
}

// nullable is the next string, aliased; nil if null.
func (r *reader) nullable(what string) []byte {
	n := r.length(false, what)
	if n == -1 {
		return nil
	}
	if n > maxString {
		r.fail(ReasonMalformedBody, "%s: string of %d bytes", what, n)
	}
	return r.span(n, what)
}

// str is the next string, aliased. It may not be null.
func (r *reader) str(what string) []byte {
	s := r.nullable(what)
	if s == nil && r.ok() {
		r.fail(ReasonMalformedBody, "%s: null", what)
	}
	return s
}

// bytes is the next byte array, aliased; nil if null.
func (r *reader) bytes(what string) []byte {
	n := r.length(true, what)
	if n == -1 {
		return nil
	}
	return r.span(n, what)
}

// array is the count of the array that follows, whose elements take least bytes or more; -1 if null.
func (r *reader) array(least int, what string) int {
	n := r.length(true, what)
	if n == -1 {
		return -1
	}
	if n > len(r.src)/least {
		if r.ok() {
			r.fail(ReasonMalformedBody, "%s: %d elements in %d bytes", what, n, len(r.src))
		}
		return 0
	}
	if r.elements += n; r.elements > r.most {
		r.fail(ReasonTooManyPartitions, "%s: more than %d topics and partitions in one request", what, r.most)
		return 0
	}
	return n
}

// list is array for one that may not be null.
func (r *reader) list(least int, what string) int {
	n := r.array(least, what)
	if n < 0 {
		r.fail(ReasonMalformedBody, "%s: null", what)
		return 0
	}
	return n
}

// tags steps over the tagged fields that end each structure of a flexible message (KIP-482).
func (r *reader) tags() {
	if !r.flexible {
		return
	}
	r.eachTag(nil)
}

// eachTag steps over tagged fields and shows each to visit, if there is one.
func (r *reader) eachTag(visit func(tag uint32, field []byte)) {
	n := r.uvarint("tagged fields")
	if n == 0 {
		return
	}
	if r.tagged += int(n); int(n) > len(r.src)/2 || r.tagged > maxTags {
		r.fail(ReasonMalformedBody, "%d tagged fields in %d bytes", n, len(r.src))
		return
	}
	for ; n > 0 && r.ok(); n-- {
		tag := r.uvarint("tag")
		field := r.span(int(r.uvarint("tagged field")), "tagged field")
		if visit != nil && r.ok() {
			visit(tag, field)
		}
	}
}

// end is the verdict on a response: nil if everything parsed and nothing is left over.
func (r *reader) end(message string, version int16) error {
	if r.ok() && len(r.src) > 0 {
		r.fail(ReasonMalformedBody, "%d bytes left over", len(r.src))
	}
	return r.endRequest(message, version)
}

// endRequest is the verdict on a request: nil if everything parsed. What is left over does not count, as in a broker: librdkafka
// from 2.1 on has three bytes behind its question for all topics.
func (r *reader) endRequest(message string, version int16) error {
	if r.ok() {
		return nil
	}
	return &Violation{r.reason, fmt.Sprintf("%s v%d: %s", message, version, r.detail)}
}

// appendCount appends the count of an array, or the length of bytes.
func appendCount(dst []byte, flexible bool, n int) []byte {
	if flexible {
		return binary.AppendUvarint(dst, uint64(n)+1)
	}
	return binary.BigEndian.AppendUint32(dst, uint32(n))
}

// appendString appends a string, cut to the longest that Kafka takes.
func appendString(dst []byte, flexible bool, s string) []byte {
	s = cut(s, maxString)
	if flexible {
		dst = binary.AppendUvarint(dst, uint64(len(s))+1)
	} else {
		dst = binary.BigEndian.AppendUint16(dst, uint16(len(s)))
	}
	return append(dst, s...)
}

// cut is at most the first n bytes of s, not ending within a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for least := n - utf8.UTFMax; n > least && n > 0 && !utf8.RuneStart(s[n]); {
		n--
	}
	return s[:n]
}

// appendNullable is appendString with null for the empty string.
func appendNullable(dst []byte, flexible bool, s string) []byte {
	switch {
	case s != "":
		return appendString(dst, flexible, s)
	case flexible:
		return append(dst, 0)
	default:
		return append(dst, 0xff, 0xff)
	}
}

// appendTags appends the tagged fields that end a structure: none.
func appendTags(dst []byte, flexible bool) []byte {
	if flexible {
		return append(dst, 0)
	}
	return dst
}
