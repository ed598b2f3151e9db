package wire

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// MaxControlBytes is the longest body of a request other than Produce.
const MaxControlBytes = 1 << 20

// DecodeRequest reads the body of a Fetch, Metadata, FindCoordinator, ApiVersions or InitProducerId request in a
// version that ParseHeader lets through (not an ApiVersions version that is not served: that has no body). The request
// keeps nothing of body.
//
// kmsg believes counts and lengths, so the body is first walked here, field by field, and refused with a *Violation if it is
// not what it says. Bytes behind it are not looked at.
//
//nolint:ireturn // kmsg has one type per API
func DecodeRequest(h Header, body []byte) (kmsg.Request, error) {
	api, ok := LookupAPI(h.Key)
	shape := shapeOf(h.Key)
	if !ok || shape == nil || !api.Served(h.Version) {
		return nil, &Violation{ReasonUnsupportedVersion, fmt.Sprintf("%s v%d cannot be decoded", h.Key, h.Version)}
	}
	if len(body) > MaxControlBytes {
		return nil, &Violation{ReasonRequestTooLarge, fmt.Sprintf("%s v%d: body of %d bytes, the limit is %d",
			h.Key, h.Version, len(body), MaxControlBytes)}
	}
	r := newReader(body, h.Version >= api.Flexible)
	r.most = MaxControlElements
	shape(&r, h.Version)
	r.tags()
	if err := r.endRequest(api.Name, h.Version); err != nil {
		return nil, err
	}
	req := kmsg.RequestForKey(int16(h.Key))
	req.SetVersion(h.Version)
	if err := req.ReadFrom(body); err != nil {
		return nil, &Violation{ReasonMalformedBody, fmt.Sprintf("%s v%d: %v", h.Key, h.Version, err)}
	}
	return req, nil
}

// shapeOf is the walk over the body of an API, up to its last tagged fields. Nil: there is none.
func shapeOf(key APIKey) func(r *reader, version int16) {
	switch key {
	case KeyFetch:
		return walkFetch
	case KeyMetadata:
		return walkMetadata
	case KeyFindCoordinator:
		return walkFindCoordinator
	case KeyApiVersions:
		return walkAPIVersions
	case KeyInitProducerID:
		return walkInitProducerID
	default:
		return nil
	}
}

// walkFetch: FetchRequest.json, versions 4 to 11.
func walkFetch(r *reader, version int16) {
	r.span(4+4+4+4+1, "limits") // replica, max wait, min bytes, max bytes, isolation level
	if version >= 7 {
		r.span(4+4, "fetch session")
	}
	partition := 4 + 8 + 4 // index, offset, max bytes
	if version >= 5 {
		partition += 8 // log start offset
	}
	if version >= 9 {
		partition += 4 // leader epoch
	}
	walkTopics(r, partition, "topics")
	if version >= 7 {
		walkTopics(r, 4, "forgotten topics")
	}
	if version >= 11 {
		r.str("rack id")
	}
}

// walkTopics steps over an array of topics, each a name and an array of partitions of a fixed size. Not flexible.
func walkTopics(r *reader, partition int, what string) {
	for range r.list(2+4, what) {
		r.str("topic")
		r.span(r.list(partition, "partitions")*partition, "partitions")
	}
}

// walkMetadata: MetadataRequest.json, versions 0 to 12.
func walkMetadata(r *reader, version int16) {
	least := 2
	if version >= 10 {
		least += 16
	}
	n := r.array(least, "topics")
	if n < 0 && version == 0 {
		r.fail(ReasonMalformedBody, "topics: null")
	}
	for range n {
		if version >= 10 {
			r.span(16, "topic id")
			r.nullable("topic")
		} else {
			r.str("topic")
		}
		r.tags()
	}
	if version >= 4 {
		r.span(1, "allow auto topic creation")
	}
	if version >= 8 && version <= 10 {
		r.span(1, "include cluster authorized operations")
	}
	if version >= 8 {
		r.span(1, "include topic authorized operations")
	}
}

// walkFindCoordinator: FindCoordinatorRequest.json, versions 0 to 4.
func walkFindCoordinator(r *reader, version int16) {
	if version <= 3 {
		r.str("key")
	}
	if version >= 1 {
		r.span(1, "key type")
	}
	if version >= 4 {
		for range r.list(1, "keys") {
			r.str("key")
		}
	}
}

// walkAPIVersions: ApiVersionsRequest.json, versions 0 to 4.
func walkAPIVersions(r *reader, version int16) {
	if version >= 3 {
		r.str("client software name")
		r.str("client software version")
	}
}

// walkInitProducerID: InitProducerIdRequest.json, versions 0 to 5.
func walkInitProducerID(r *reader, version int16) {
	r.nullable("transactional id")
	r.int32("transaction timeout")
	if version >= 3 {
		r.int64("producer id")
		r.int16("producer epoch")
	}
}
