package wire

import "fmt"

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
// ApiVersions is the exception: any version of it is returned, because it is answered with UNSUPPORTED_VERSION in a v0
// body and the client tries again (KIP-511). The body of such a request is nil.
func (t *Table) ParseHeader(frame []byte) (h Header, body []byte, err error) {
	r := newReader(frame, false)
	h.Key = APIKey(r.int16("api key"))
	h.Version = r.int16("api version")
	h.CorrelationID = r.int32("correlation id")
	h.ClientID = r.nullable("client id") // never compact, in no version
	if !r.ok() {
		return h, nil, &Violation{ReasonMalformedHeader, fmt.Sprintf("header of a frame of %d bytes: %s", len(frame), r.detail)}
	}
	api, ok := t.Lookup(h.Key)
	if !ok {
		return h, nil, &Violation{ReasonUnknownAPI, fmt.Sprintf("api key %d version %d is not served", h.Key, h.Version)}
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
