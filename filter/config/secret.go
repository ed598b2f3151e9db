package config

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	kafkameshv1 "github.com/kafkamesh/envoy-kafka-mesh/proto/kafkamesh/v1"
)

// Messages go into logs, and what they are about may be a password in a wrong place. So no message has the value of anything in
// tls, sasl, producer_config and consumer_config that may be one, nor of a text that stands where a mapping or a list is wanted.

// isSecret tells whether what stands in a message of type d may be a secret, or have been meant as one.
func isSecret(d protoreflect.MessageDescriptor) bool {
	switch d.FullName() {
	case fullName(&kafkameshv1.Tls{}), fullName(&kafkameshv1.Sasl{}), fullName(&kafkameshv1.DataSource{}),
		fullName(&kafkameshv1.OAuth{}), fullName(&kafkameshv1.Kerberos{}):
		return true
	default:
		return false
	}
}

func isDataSource(d protoreflect.MessageDescriptor) bool {
	return d.FullName() == fullName(&kafkameshv1.DataSource{})
}

func fullName(m interface {
	ProtoReflect() protoreflect.Message
},
) protoreflect.FullName {
	return m.ProtoReflect().Descriptor().FullName()
}

// expected says what is to be written where a message of type d belongs.
func expected(d protoreflect.MessageDescriptor) string {
	if isDataSource(d) {
		return "{filename: PATH}, {environment_variable: NAME} or {inline_string: …}"
	}
	return "a mapping with the fields " + strings.Join(fieldNames(d), ", ")
}

// kindOf says what kind of value v is, and nothing of what it is.
func kindOf(v any) string {
	switch v.(type) {
	case nil:
		return "nothing"
	case bool:
		return "a boolean"
	case json.Number:
		return "a number"
	case string:
		return "a text"
	case []any:
		return "a list"
	default:
		return "a mapping"
	}
}

// described says what stands in the field f, and shows it unless it may be a secret.
func described(v any, f protoreflect.FieldDescriptor) string {
	if isSecret(f.ContainingMessage()) {
		return kindOf(v)
	}
	switch v := v.(type) {
	case bool:
		return "the boolean " + strconv.FormatBool(v)
	case json.Number:
		return "the number " + v.String()
	case string:
		return "the text " + quote(v)
	default:
		return kindOf(v)
	}
}

// aName is what may be shown of a name that is not known: others may be a value in a wrong place.
var aName = regexp.MustCompile(`^[a-z][a-zA-Z0-9]*([-_.][a-zA-Z0-9]+)*$`)

// shownName is " name" for a field that a message of type d does not have, as far as it can be shown. A name with a colon or an equals
// sign in it was meant as a name and a value; one without a value may be the value itself.
func shownName(name string, value any, d protoreflect.MessageDescriptor) string {
	short := beforeValue(name)
	switch {
	case isDataSource(d), !aName.MatchString(short), value == nil && short == name:
		return ""
	case short != name:
		return " " + quote(short) + " (write a colon and a space between a name and its value)"
	default:
		return " " + quote(name)
	}
}

// shownKey is a name as it stands in a path.
func shownKey(name string) string {
	if short := beforeValue(name); aName.MatchString(short) || short == "" {
		return quote(short)
	}
	return "…"
}

// beforeValue is the part of what stands where a name belongs that is a name for sure.
func beforeValue(name string) string {
	if i := strings.IndexAny(name, ":= \t\r\n"); i >= 0 {
		return name[:i]
	}
	return name
}
