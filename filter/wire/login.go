package wire

import (
	"bytes"
	"encoding/binary"
)

// MaxToken is the longest frame that may be part of a login. Tokens of OAUTHBEARER are some KB long.
const MaxToken = 64 << 10

// IsToken reports whether a frame that is no request is how a SASL login begins without a handshake (KIP-43), as franz-go and clients of
// Kafka 0.9 send it: PLAIN (RFC 4616), or what begins as RFC 5801 has it, as SCRAM and OAUTHBEARER do. There is a password in it.
func IsToken(frame []byte) bool {
	if len(frame) == 0 || len(frame) > MaxToken {
		return false
	}
	for _, start := range []string{"n,", "y,", "p="} {
		if bytes.HasPrefix(frame, []byte(start)) {
			return bytes.Contains(frame[len(start):], []byte{','})
		}
	}
	user, rest, ok := bytes.Cut(frame, []byte{0})
	if !ok {
		return false
	}
	name, password, ok := bytes.Cut(rest, []byte{0})
	return ok && printable(user) && len(name) > 0 && printable(name) && len(password) > 0 && printable(password)
}

// printable reports whether text has none of ASCII's control characters.
func printable(text []byte) bool {
	return !bytes.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f })
}

// AppendToken appends a token of a login as it goes without a header: as a frame.
func AppendToken(dst, token []byte) []byte {
	return append(binary.BigEndian.AppendUint32(dst, uint32(len(token))), token...)
}
