package wire

import (
	"encoding/binary"
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Header is what every request begins with (RequestHeader.json v1 and v2).
type Header struct {
	Key           APIKey
	Version       int16
	CorrelationID int32
	ClientID      []byte // nil when null; points into the frame
}

// ParseHeader reads the header of a whole frame and gives what follows it as body, which points into frame.
//
// An API that is not in the table, or a version out of its range, is a *Violation, with as much of the header as there is.
// What is a login without a handshake has the header of SaslAuthenticate, and nothing of what came, which has a password in it: also if it
// begins as a request of an API that is served, in a version that no API has.
// ApiVersions is the exception: any version of it is returned, because it is answered with UNSUPPORTED_VERSION in a v0
// body and the client tries again (KIP-511). The body of such a request is nil.
func (t *Table) ParseHeader(frame []byte) (h Header, body []byte, err error) {
	h, body, err = t.parseHeader(frame)
	switch {
	case err == nil:
		return h, body, nil
	case !IsToken(frame):
		if h.Version < 0 || h.Version >= ' ' { // no API has such: it may be text, and what comes as the client id a password
			h.ClientID = nil
		}
		return h, nil, err
	}
	wrong := &Violation{ReasonUnknownAPI, "a login without a handshake (SASL, KIP-43) is not served"}
	if t.hasLogins() {
		wrong = &Violation{ReasonLoginOrder, wrong.Detail + ": SaslHandshake has to come first"}
	}
	return Header{Key: KeySaslAuthenticate}, nil, wrong
}

// parseHeader is ParseHeader, with logins without a handshake taken for requests.
func (t *Table) parseHeader(frame []byte) (h Header, body []byte, err error) {
	r := newReader(frame, false)
	h.Key = APIKey(r.int16("api key"))
	h.Version = r.int16("api version")
	h.CorrelationID = r.int32("correlation id")
	h.ClientID = r.nullable("client id") // never compact, in no version
	api, ok := t.Lookup(h.Key)
	switch {
	case !r.ok():
		return h, nil, &Violation{ReasonMalformedHeader, fmt.Sprintf("header of a frame of %d bytes: %s", len(frame), r.detail)}
	case !ok:
		return h, nil, &Violation{ReasonUnknownAPI, fmt.Sprintf("api key %d (%s) version %d is not served", h.Key, h.Key, h.Version)}
	}
	if !api.Served(h.Version) {
		if h.Key == KeyApiVersions {
			return h, nil, nil
		}
		return h, nil, &Violation{ReasonUnsupportedVersion, fmt.Sprintf("%s v%d is not served, only v%d to v%d",
			api.Name, h.Version, api.Min, api.Max)}
	}
	if h.Version >= api.Flexible {
		r.flexible = true
		r.tags()
		if !r.ok() {
			return h, nil, &Violation{ReasonMalformedHeader, fmt.Sprintf("header of %s v%d: %s", api.Name, h.Version, r.detail)}
		}
	}
	return h, r.src, nil
}

// AppendResponse appends the whole frame of r as the answer to h: length, correlation id, tagged fields of the header
// if r is flexible (ApiVersions never has them, KIP-511), body. r's version is set already: it is h's, but 0 for the
// answer to an ApiVersions version that is not served. It keeps neither dst nor r.
func AppendResponse(dst []byte, h Header, r kmsg.Response) []byte {
	start := len(dst)
	dst = appendResponseHeader(dst, h.CorrelationID, r.IsFlexible() && h.Key != KeyApiVersions)
	dst = r.AppendTo(dst)
	return endFrame(dst, start)
}

// appendResponseHeader appends a frame's length, still to be filled in by endFrame, and a response header.
func appendResponseHeader(dst []byte, correlationID int32, flexible bool) []byte {
	dst = binary.BigEndian.AppendUint32(dst, 0)
	dst = binary.BigEndian.AppendUint32(dst, uint32(correlationID))
	if flexible {
		dst = append(dst, 0)
	}
	return dst
}

// endFrame fills in the length of the frame that began at start and ends where dst ends.
func endFrame(dst []byte, start int) []byte {
	binary.BigEndian.PutUint32(dst[start:], uint32(len(dst)-start-lengthSize))
	return dst
}
