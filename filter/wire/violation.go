package wire

// Reason says why a connection has to be closed. Its names are names of metrics: they never change.
type Reason uint8

// The reasons, in the order in which a frame can meet them.
const (
	ReasonOversizedFrame     Reason = iota + 1 // the frame's length is over the limit
	ReasonNegativeLength                       // the frame's length is below zero
	ReasonTLSHandshake                         // a TLS ClientHello where Kafka was expected
	ReasonHTTPRequest                          // an HTTP request where Kafka was expected
	ReasonMalformedHeader                      // the request header does not parse
	ReasonUnknownAPI                           // the API key is not listed
	ReasonUnsupportedVersion                   // the API is listed, this version of it is not
	ReasonMalformedBody                        // the body does not parse
	ReasonTooManyPartitions                    // the request names more topics and partitions than it may
	ReasonRequestTooLarge                      // a request other than Produce is over MaxControlBytes
	ReasonSlowRequest                          // a request has begun to arrive and does not go on
	ReasonMemoryLimit                          // requests hold too much memory
	ReasonProduceFailed                        // a Produce with acks=0 failed: closing is the only way to say so
	ReasonLoginRequired                        // something was asked for before a login
	ReasonLoginOrder                           // the steps of a login came in another order
	ReasonLoginFailed                          // the client did not prove who it is
	ReasonLoginExpired                         // the client did not log in anew in time
	ReasonLoginTimeout                         // the client did not log in in time
	ReasonIdentityReplaced                     // clusters are to see the client as somebody else from now on
	ReasonPanic                                // a bug of ours, caught
)

// reasonNames are the reasons' stable names.
//
//nolint:gochecknoglobals // a constant table
var reasonNames = [...]string{
	ReasonOversizedFrame:     "oversized_frame",
	ReasonNegativeLength:     "negative_length",
	ReasonTLSHandshake:       "tls_handshake",
	ReasonHTTPRequest:        "http_request",
	ReasonMalformedHeader:    "malformed_header",
	ReasonUnknownAPI:         "unknown_api",
	ReasonUnsupportedVersion: "unsupported_version",
	ReasonMalformedBody:      "malformed_body",
	ReasonTooManyPartitions:  "too_many_partitions",
	ReasonRequestTooLarge:    "request_too_large",
	ReasonSlowRequest:        "slow_request",
	ReasonMemoryLimit:        "memory_limit",
	ReasonProduceFailed:      "produce_failed",
	ReasonLoginRequired:      "login_required",
	ReasonLoginOrder:         "login_order",
	ReasonLoginFailed:        "login_failed",
	ReasonLoginExpired:       "login_expired",
	ReasonLoginTimeout:       "login_timeout",
	ReasonIdentityReplaced:   "identity_replaced",
	ReasonPanic:              "panic",
}

// Reasons lists every reason, so that each can have its metric from the start.
func Reasons() []Reason {
	rs := make([]Reason, 0, ReasonPanic)
	for r := ReasonOversizedFrame; r <= ReasonPanic; r++ {
		rs = append(rs, r)
	}
	return rs
}

// String is the reason's name, in snake_case.
func (r Reason) String() string {
	if r == 0 || int(r) >= len(reasonNames) {
		return "unknown"
	}
	return reasonNames[r]
}

// OfLogin says whether it is for logins that connections are closed so.
func (r Reason) OfLogin() bool { return ReasonLoginRequired <= r && r <= ReasonLoginTimeout }

// Violation is what a peer did that the protocol does not allow. The connection it came on cannot be trusted any more
// and is closed; Detail is for the log, Reason for the metric.
type Violation struct { //nolint:errname // a protocol violation is its own kind, not any error
	Reason Reason
	Detail string
}

// Error gives the reason and the detail.
func (v *Violation) Error() string { return v.Reason.String() + ": " + v.Detail }

// Clip is s, for a log or a message: cut to at most n bytes, not within a character, with an ellipsis if there was more.
func Clip(s string, n int) string {
	const more = "…"
	if len(s) <= n {
		return s
	}
	return cut(s, n-len(more)) + more
}
