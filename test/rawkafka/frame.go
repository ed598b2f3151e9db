package rawkafka

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// maxAnswer is more bytes than any answer in a test has: a greater length is a mistake.
const maxAnswer = 16 << 20

// Frame is a whole request, length included, in the version that is set in req.
func Frame(clientID string, id int32, req kmsg.Request) []byte {
	return kmsg.NewRequestFormatter(kmsg.FormatterClientID(clientID)).AppendRequest(nil, req, id)
}

// Request is a whole request of any content. Its header is written up to the correlation id, which is 1. The rest, from the client id
// on, is the caller's.
func Request(key, version int16, rest ...[]byte) []byte {
	b := binary.BigEndian.AppendUint16(nil, uint16(key))
	b = binary.BigEndian.AppendUint16(b, uint16(version))
	b = binary.BigEndian.AppendUint32(b, 1)
	return Framed(append([][]byte{b}, rest...)...)
}

// Framed puts the length in front of what is to be one frame.
func Framed(pieces ...[]byte) []byte {
	b := slices.Concat(pieces...)
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(b))), b...)
}

// ReadFrame reads one frame without its length, into buf if it fits.
func ReadFrame(r io.Reader, buf []byte) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return buf, err
	}
	n := int32(binary.BigEndian.Uint32(head[:]))
	if n < 4 || n > maxAnswer {
		return buf, fmt.Errorf("an answer of %d bytes", n)
	}
	buf = slices.Grow(buf[:0], int(n))[:n]
	_, err := io.ReadFull(r, buf)
	return buf, err
}

// ReadAnswer reads the next answer, which is to a request of req's key and version, and the correlation id that it has.
//
//nolint:ireturn // its type depends on the request's
func ReadAnswer(r io.Reader, req kmsg.Request) (int32, kmsg.Response, error) {
	id, body, err := readBody(r)
	if err != nil {
		return id, nil, err
	}
	resp, err := Decode(req, req.GetVersion(), body)
	return id, resp, err
}

// Decode reads what follows the correlation id in the answer to a request of req's key, in a version. Nothing may follow it.
//
//nolint:ireturn // its type depends on the request's
func Decode(req kmsg.Request, version int16, body []byte) (kmsg.Response, error) {
	resp := req.ResponseKind()
	resp.SetVersion(version)
	if resp.IsFlexible() && resp.Key() != int16(kmsg.ApiVersions) {
		if len(body) == 0 || body[0] != 0 {
			return nil, errors.New("the header does not end in an empty list of tags")
		}
		body = body[1:]
	}
	if err := resp.ReadFrom(body); err != nil {
		return nil, err
	}
	if again := resp.AppendTo(nil); len(again) != len(body) {
		return nil, fmt.Errorf("%T v%d of %d bytes, kmsg writes it in %d", resp, version, len(body), len(again))
	}
	return resp, nil
}

// readBody reads the next answer as its correlation id and what follows that.
func readBody(r io.Reader) (int32, []byte, error) {
	frame, err := ReadFrame(r, nil)
	if err != nil {
		return 0, nil, err
	}
	return int32(binary.BigEndian.Uint32(frame)), frame[4:], nil
}
