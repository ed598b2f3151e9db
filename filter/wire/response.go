package wire

import (
	"encoding/binary"

	"github.com/twmb/franz-go/pkg/kmsg"
)

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
