package wire

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// APIKey is the number by which a request says which API it is for.
type APIKey int16

// String is Kafka's name of the API, or API_1000 for one that Kafka does not have.
func (k APIKey) String() string {
	for _, s := range shapes {
		if s.Key == k {
			return s.Name
		}
	}
	if k < 0 || k > kmsg.MaxKey {
		return "API_" + strconv.Itoa(int(k))
	}
	return kmsg.NameForKey(int16(k))
}

// Shapes lists the requests that can be read, by key.
func Shapes() []*Shape { return slices.Clone(shapes[:]) }

// API is the versions of one API that a peer may ask for. Its requests have the Shape.
type API struct {
	*Shape

	Min, Max int16
}

// Served says whether version is in the range.
func (a API) Served(version int16) bool { return a.Min <= version && version <= a.Max }

// ErrVersion says that a broker takes no version of a request that can be written.
var ErrVersion = errors.New("the broker takes no version that can be written here")

// Table is what a peer may ask for: one range of versions for each API. It never changes.
type Table struct {
	apis  []API   // by key
	index []uint8 // from key to its place in apis, counted from 1; 0: it is not there
}

// NewTable returns the table of some APIs, each of them there once. It does not keep apis.
func NewTable(apis ...API) *Table {
	t := &Table{apis: slices.Clone(apis)}
	slices.SortFunc(t.apis, func(a, b API) int { return int(a.Key) - int(b.Key) })
	for i, a := range t.apis {
		t.index = append(t.index, make([]uint8, int(a.Key)+1-len(t.index))...)
		t.index[a.Key] = uint8(i + 1)
	}
	return t
}

// APIs lists what is in the table, by key.
func (t *Table) APIs() []API { return slices.Clone(t.apis) }

// Lookup finds an API. False: it is not served.
func (t *Table) Lookup(key APIKey) (API, bool) {
	if key < 0 || int(key) >= len(t.index) || t.index[key] == 0 {
		return API{}, false
	}
	return t.apis[t.index[key]-1], true
}

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
	if hasBytes(api.Fields) { // kmsg aliases them
		body = bytes.Clone(body)
	}
	if err := req.ReadFrom(body); err != nil {
		return nil, &Violation{ReasonMalformedBody, fmt.Sprintf("%s v%d: %v", h.Key, h.Version, err)}
	}
	return req, nil
}

// hasLogins says whether peers log in.
func (t *Table) hasLogins() bool {
	_, ok := t.Lookup(KeySaslHandshake)
	return ok
}

// hasBytes reports whether there are bytes in fields, or in what they are made of.
func hasBytes(fields []Field) bool {
	return slices.ContainsFunc(fields, func(f Field) bool { return f.Type == TypeBytes || hasBytes(f.Fields) })
}
