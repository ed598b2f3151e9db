package config

import (
	"errors"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
)

// Numbers of the fields of xds.type.v3.TypedStruct (and of udpa.type.v1's), which Envoy hands on in binary form.
const (
	typedStructTypeURL = 1
	typedStructValue   = 2
)

// typedStruct returns the JSON that a TypedStruct holds. It is false when raw is none: a KafkaMesh has a string in field 1
// too, but it is no type URL, and its field 2 is a number. Who writes one need not name a type; one that is another's is refused.
func typedStruct(raw []byte) (text []byte, ok bool, err error) {
	var typeURL string
	var value []byte
	hasValue := false
	for len(raw) > 0 {
		number, kind, n := protowire.ConsumeTag(raw)
		if n < 0 || kind != protowire.BytesType {
			return nil, false, nil
		}
		field, m := protowire.ConsumeBytes(raw[n:])
		if m < 0 {
			return nil, false, nil
		}
		raw = raw[n+m:]
		switch number {
		case typedStructTypeURL:
			typeURL = string(field)
		case typedStructValue:
			value, hasValue = append(value, field...), true // protobuf joins a message given in parts
		default:
			return nil, false, nil
		}
	}
	if !hasValue && !strings.Contains(typeURL, "/") {
		return nil, false, nil
	}
	if strings.Contains(typeURL, "/") && !isKafkaMesh(typeURL) && !strings.HasSuffix(typeURL, "/google.protobuf.Struct") {
		return nil, false, errors.New(wrongType(typeURL))
	}
	s := &structpb.Struct{}
	if err := proto.Unmarshal(value, s); err != nil {
		return nil, false, errors.New("the configuration is a TypedStruct whose value cannot be read")
	}
	text, err = protojson.Marshal(s)
	if err != nil {
		return nil, false, errors.New("the configuration is a TypedStruct whose value cannot be written as JSON")
	}
	return text, true, nil
}

// isKafkaMesh tells whether a type URL names our message or Envoy's.
func isKafkaMesh(typeURL string) bool { return strings.HasSuffix(typeURL, ".KafkaMesh") }

func wrongType(typeURL string) string {
	return "the configuration is of type " + quote(typeURL) + "; it must be a KafkaMesh"
}
