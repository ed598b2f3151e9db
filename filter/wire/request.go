package wire

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// MaxControlBytes is the longest body of a request other than Produce.
const MaxControlBytes = 1 << 20

// DecodeRequest reads the body of a request that ParseHeader lets through, but for Produce, which DecodeProduce reads, and an
// ApiVersions version that is not served, which has no body. The request keeps nothing of body.
//
// What kmsg allocates for an array is bounded only by the bytes that are left, times the size of what it decodes them to. So the
// body is first checked against its shape, which also bounds how many elements there are. Bytes behind it are not looked at.
//
//nolint:ireturn // kmsg has one type per API
func (t *Table) DecodeRequest(h Header, body []byte) (kmsg.Request, error) {
	api, ok := t.Lookup(h.Key)
	if !ok || h.Key == KeyProduce || !api.Served(h.Version) {
		return nil, &Violation{ReasonUnsupportedVersion, fmt.Sprintf("%s v%d cannot be decoded", h.Key, h.Version)}
	}
	if err := api.Check(h.Version, body); err != nil {
		return nil, err
	}
	req := kmsg.RequestForKey(int16(h.Key))
	req.SetVersion(h.Version)
	if err := req.ReadFrom(body); err != nil {
		return nil, &Violation{ReasonMalformedBody, fmt.Sprintf("%s v%d: %v", h.Key, h.Version, err)}
	}
	return req, nil
}
