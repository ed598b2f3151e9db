package link

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/guard"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// Request is a call of any API that kmsg knows.
type Request struct {
	// Body is the request; its version is set by the link, which lets go of it when it is written.
	Body kmsg.Request
	// Most is the newest version that the caller can have it written in; what kmsg can is the bound. Zero is version 0.
	Most int16
	// Due is when the answer is overdue. Zero: never.
	Due time.Time
	// Done is called once, with the response or with why there is none.
	Done func(kmsg.Response, error)

	response kmsg.Response // still empty
}

var _ Call = (*Request)(nil)

// API implements Call.
func (r *Request) API() (key wire.APIKey, least, most int16) {
	return wire.APIKey(r.Body.Key()), wire.Least(r.Body), min(r.Most, r.Body.MaxVersion())
}

// Deadline implements Call.
func (r *Request) Deadline() time.Time { return r.Due }

// Append implements Call.
func (r *Request) Append(scratch []byte, segments [][]byte, h Head) ([]byte, [][]byte) {
	r.Body.SetVersion(h.Version)
	r.response = r.Body.ResponseKind()
	start := len(scratch)
	b := binary.BigEndian.AppendUint32(scratch, 0) // length
	b = binary.BigEndian.AppendUint16(b, uint16(r.Body.Key()))
	b = binary.BigEndian.AppendUint16(b, uint16(h.Version))
	b = binary.BigEndian.AppendUint32(b, uint32(h.CorrelationID))
	b = binary.BigEndian.AppendUint16(b, uint16(len(h.ClientID)))
	b = append(b, h.ClientID...)
	if r.Body.IsFlexible() {
		b = append(b, 0) // tagged fields
	}
	b = r.Body.AppendTo(b)
	binary.BigEndian.PutUint32(b[start:], uint32(len(b)-start-lengthSize))
	r.Body = nil
	return b, append(segments, b[start:])
}

// Answer implements Call.
func (r *Request) Answer(a *Answer) error {
	told := false
	defer func() {
		if !told { // kmsg has a bug
			r.Done(nil, guard.ErrPanic)
		}
	}()
	response, err := r.decode(a)
	told = true
	r.Done(response, err)
	return err
}

// Fail implements Call.
func (r *Request) Fail(err error, _ bool) { r.Done(nil, err) }

//nolint:ireturn // as kmsg has it
func (r *Request) decode(a *Answer) (kmsg.Response, error) {
	response := r.response
	response.SetVersion(a.Version)
	body, err := a.Keep(), error(nil) // responses alias what they are read from
	if response.IsFlexible() && wire.APIKey(response.Key()) != wire.KeyApiVersions {
		body, err = SkipTags(body)
	}
	if err == nil {
		err = response.ReadFrom(body)
	}
	if err != nil {
		return nil, fmt.Errorf("decode %s response v%d: %w", kmsg.NameForKey(response.Key()), a.Version, err)
	}
	return response, nil
}

// SkipTags is what follows the tagged fields that end the header of a flexible response.
func SkipTags(b []byte) ([]byte, error) {
	number := func() uint64 {
		v, n := binary.Uvarint(b)
		if n <= 0 {
			b = nil
			return 0
		}
		b = b[n:]
		return v
	}
	for count := number(); count > 0 && b != nil; count-- {
		number() // the tag
		n := number()
		if n > uint64(len(b)) {
			b = nil
			break
		}
		b = b[n:]
	}
	if b == nil {
		return nil, errors.New("its header is cut short")
	}
	return b, nil
}
