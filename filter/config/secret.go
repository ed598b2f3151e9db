package config

import (
	"regexp"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/config/tree"
	kafkameshv1 "github.com/kafkamesh/envoy-kafka-mesh/proto/kafkamesh/v1"
)

// Messages go into logs, and what they are about may be a password in a wrong place. So no message has the value of anything in
// tls, listen_tls, sasl, authentication, open_telemetry, producer_config and consumer_config that may be one, nor of a text that stands where a mapping or a list is wanted.

// isSecret tells whether what stands in a message of type d may be a secret, or have been meant as one.
func isSecret(d protoreflect.MessageDescriptor) bool {
	switch d.FullName() {
	case fullName(&kafkameshv1.Tls{}), fullName(&kafkameshv1.Sasl{}), fullName(&kafkameshv1.DataSource{}),
		fullName(&kafkameshv1.OAuth{}), fullName(&kafkameshv1.OAuth_Assertion{}), fullName(&kafkameshv1.OAuth_Aws{}),
		fullName(&kafkameshv1.OAuth_Google{}), fullName(&kafkameshv1.OAuth_Azure{}), fullName(&kafkameshv1.Kerberos{}),
		fullName(&kafkameshv1.Authentication_Sasl{}), fullName(&kafkameshv1.Authentication_Sasl_Plain{}),
		fullName(&kafkameshv1.Authentication_Sasl_Scram{}), fullName(&kafkameshv1.Authentication_Sasl_OAuthBearer{}),
		fullName(&kafkameshv1.OpenTelemetry{}), fullName(&kafkameshv1.Header{}), fullName(&kafkameshv1.ListenTls{}):
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
	names := fieldNames(d)
	if len(names) == 0 {
		return "{}"
	}
	return "a mapping with the fields " + strings.Join(names, ", ")
}

// kindOf says what kind of value n is, and nothing of what it is.
func kindOf(n *tree.Node) string {
	return map[tree.Kind]string{
		tree.Null: "nothing", tree.Bool: "a boolean", tree.Number: "a number", tree.Text: "a text", tree.List: "a list", tree.Map: "a mapping",
	}[n.Kind]
}

// described says what stands in the field f, and shows it unless it may be a secret.
func described(n *tree.Node, f protoreflect.FieldDescriptor) string {
	if isSecret(f.ContainingMessage()) {
		return kindOf(n)
	}
	switch n.Kind {
	case tree.Bool:
		return "the boolean " + n.Text
	case tree.Number:
		return "the number " + n.Text
	case tree.Text:
		return "the text " + quote(n.Text)
	default:
		return kindOf(n)
	}
}

// aName is what may be shown of a name that is not known: others may be a value in a wrong place.
var aName = regexp.MustCompile(`^[a-z][a-zA-Z0-9]*([-_.][a-zA-Z0-9]+)*$`)

// shownName is " name" for a field that a message of type d does not have, as far as it can be shown. A name with a colon or an equals
// sign in it was meant as a name and a value; one without a value may be the value itself.
func shownName(f tree.Field, d protoreflect.MessageDescriptor) string {
	short := beforeValue(f.Name)
	switch {
	case isDataSource(d), !aName.MatchString(short), f.Value.Kind == tree.Null && short == f.Name && !known(d, similar(short, fieldNames(d))):
		return ""
	case short != f.Name:
		return " " + quote(short) + " (write a colon and a space between a name and its value)"
	default:
		return " " + quote(f.Name)
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
