package config

import (
	"encoding/base64"
	"math"
	"regexp"
	"strconv"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/config/tree"
)

// typeKey is what Envoy's configurations write in an Any to name the message.
const typeKey = "@type"

// shaper checks the names and types of everything in a tree against a message, and gives it the one form that protojson reads without
// fail: field names as in the .proto, whole numbers without a fraction, texts as texts. What is wrong is left out.
type shaper struct {
	bad    *mistakes
	config *Config // its warnings
	root   *tree.Node
}

// rootMessage is the whole configuration.
func (s *shaper) rootMessage(root *tree.Node, d protoreflect.MessageDescriptor) any {
	s.place("", root.Position)
	switch {
	case root.Kind == tree.Null || root.Kind == tree.Map && len(root.Fields) == 0:
		s.bad.unreadable("", "%v", errEmpty())
		return nil
	case root.Kind == tree.Map:
	case root.Kind == tree.Text && strings.Contains(root.Text, "="):
		s.bad.unreadable("", "this is a list of NAME=VALUE, not YAML; write librdkafka's properties into producer_config of a cluster, as NAME: VALUE")
		return nil
	case root.Kind == tree.List && len(root.Items) > 0 && knows(d, root.Items[0]):
		s.bad.unreadable("", "the fields stand in a list; remove the dash before them")
		return nil
	default:
		s.bad.unreadable("", "must be %s, not %s", expected(d), kindOf(root))
		return nil
	}
	if name := root.Field(typeKey); name != nil {
		if !isKafkaMesh(name.Text) {
			s.bad.unreadable("", "%s", wrongType(name.Text))
			return nil
		}
		without := *root
		without.Fields = nil
		for _, f := range root.Fields {
			if f.Name != typeKey {
				without.Fields = append(without.Fields, f)
			}
		}
		root = &without
	}
	if len(root.Fields) == 1 && !known(d, root.Fields[0].Name) && knows(d, root.Fields[0].Value) {
		s.place("", root.Fields[0].Position)
		s.bad.unreadable("", "the fields stand below%s; write them at the top, without it", shownName(root.Fields[0], d))
		return nil
	}
	return s.message("", root, d)
}

// place notes where the field at path stands.
func (s *shaper) place(path string, at tree.Position) { s.bad.places[path] = at }

// message is a mapping that the message d is read from.
func (s *shaper) message(path string, n *tree.Node, d protoreflect.MessageDescriptor) map[string]any {
	shaped := map[string]any{}
	if n.Kind != tree.Map {
		s.bad.unreadable(path, "%s", instead(n, d, path))
		return shaped
	}
	for _, f := range n.Fields {
		field := fieldOf(d, f.Name)
		if field == nil {
			s.unknown(path, f, d, n)
			continue
		}
		at := join(path, field.TextName())
		if _, twice := shaped[field.TextName()]; twice {
			s.bad.list = append(s.bad.list, &Remark{f.Line, f.Column, at, "is given twice, also as " + field.JSONName() + "; keep one"})
			continue
		}
		s.place(at, f.Position)
		if f.Value.Kind == tree.Null { // not set, as in Envoy
			continue
		}
		shaped[field.TextName()], s.bad.given[at] = nil, true
		if other := alternative(shaped, field); other != "" {
			s.bad.add(path, "%s and %s exclude each other; keep one", field.TextName(), other)
			s.bad.spoil(path)
		}
		if value := s.field(at, f.Value, field); value != nil {
			shaped[field.TextName()] = value
		} else if isDataSource(d) {
			s.bad.spoil(path)
		}
	}
	for name, value := range shaped {
		if value == nil {
			delete(shaped, name)
		}
	}
	if len(shaped) == 0 && s.bad.broken[path] {
		return nil
	}
	return shaped
}

// fieldOf is the field of d by its name in the .proto or in JSON, or nil.
//
//nolint:ireturn // protoreflect has nothing else
func fieldOf(d protoreflect.MessageDescriptor, name string) protoreflect.FieldDescriptor {
	if f := d.Fields().ByTextName(name); f != nil {
		return f
	}
	return d.Fields().ByJSONName(name)
}

// alternative is a field that is given although f, which excludes it, is too; or empty.
func alternative(shaped map[string]any, f protoreflect.FieldDescriptor) string {
	if f.ContainingOneof() == nil {
		return ""
	}
	others := f.ContainingOneof().Fields()
	for i := range others.Len() {
		name := others.Get(i).TextName()
		if _, given := shaped[name]; given && name != f.TextName() {
			return name
		}
	}
	return ""
}

func fieldNames(d protoreflect.MessageDescriptor) []string {
	names := make([]string, d.Fields().Len())
	for i := range names {
		names[i] = d.Fields().Get(i).TextName()
	}
	return names
}

func (s *shaper) field(path string, n *tree.Node, f protoreflect.FieldDescriptor) any {
	switch {
	case f.IsMap():
		return s.properties(path, n, f)
	case f.IsList():
		if n.Kind == tree.Map && f.Message() != nil && knows(f.Message(), n) {
			s.bad.unreadable(path, "must be a list; begin its first field with a dash: - %s", n.Fields[0].Name)
			return nil
		}
		if n.Kind != tree.List {
			s.bad.unreadable(path, "must be a list, not %s%s", kindOf(n), inBrackets(n, f))
			return nil
		}
		shaped := make([]any, len(n.Items))
		for i, item := range n.Items {
			s.place(index(path, i), item.Position)
			shaped[i] = s.value(index(path, i), item, f)
			switch { // what is wrong keeps its place
			case f.Enum() != nil && shaped[i] == nil:
				shaped[i] = 0
			case f.Message() == nil && shaped[i] == nil:
				shaped[i] = ""
			case shaped[i] == nil || f.Message() != nil && shaped[i].(map[string]any) == nil: //nolint:forcetypeassert // message returns it
				shaped[i] = map[string]any{}
			}
		}
		return shaped
	default:
		return s.value(path, n, f)
	}
}

func (s *shaper) value(path string, n *tree.Node, f protoreflect.FieldDescriptor) any {
	switch f.Kind() {
	case protoreflect.MessageKind:
		return s.message(path, n, f.Message())
	case protoreflect.EnumKind:
		return s.enum(path, n, f)
	case protoreflect.Int32Kind, protoreflect.Int64Kind:
		return s.number(path, n, f)
	case protoreflect.DoubleKind:
		if number, err := strconv.ParseFloat(n.Text, 64); err == nil && (n.Kind == tree.Number || n.Kind == tree.Text) && aDecimal.MatchString(n.Text) {
			return number
		}
		s.bad.unreadable(path, "must be a number from 0 to 1, not %s%s", described(n, f), percent(n.Text))
	case protoreflect.BoolKind:
		if n.Kind == tree.Bool {
			return n.On
		}
		s.bad.unreadable(path, "must be true or false, not %s%s", described(n, f), unquoted(n))
	case protoreflect.BytesKind:
		if n.Kind == tree.Text && isBase64(n.Text) {
			return n.Text
		}
		s.bad.unreadable(path, "must be a text in base64, which this is not; write plain text into inline_string")
	default:
		if n.Kind == tree.Text {
			s.warnText(path, n, isDataSource(f.ContainingMessage()) && f.Name() == "inline_string")
			return n.Text
		}
		s.bad.unreadable(path, "must be a text, not %s%s", described(n, f), inQuotes(n, f))
	}
	return nil
}

// unquoted is advice about true or false in quotes.
func unquoted(n *tree.Node) string {
	if w := strings.ToLower(n.Text); n.Kind == tree.Text && (w == "true" || w == "false" || w == "yes" || w == "no") {
		return "; write it without quotes"
	}
	return ""
}

// inQuotes is advice about a word that YAML takes for something else than a text.
func inQuotes(n *tree.Node, f protoreflect.FieldDescriptor) string {
	switch {
	case n.Kind == tree.Number, n.Kind == tree.Bool:
		return "; put it in quotes"
	case n.Kind == tree.List && f.Name() == "bootstrap_servers":
		return "; write one text, with commas between the servers"
	default:
		return ""
	}
}

// inBrackets is advice about a value that stands where a list of such belongs.
func inBrackets(n *tree.Node, f protoreflect.FieldDescriptor) string {
	if f.Enum() != nil && n.Kind == tree.Text && f.Enum().Values().ByName(protoreflect.Name(n.Text)) != nil {
		return "; write [" + n.Text + "]"
	}
	if f.Kind() == protoreflect.StringKind && n.Kind == tree.Text {
		return "; put it in brackets"
	}
	return ""
}

// number is a whole number within the bounds of a field.
func (s *shaper) number(path string, n *tree.Node, f protoreflect.FieldDescriptor) any {
	low, high := bounds(f)
	if whole, ok := wholeNumber(n); ok && (f.Kind() == protoreflect.Int64Kind || whole >= math.MinInt32 && whole <= math.MaxInt32) {
		return whole
	}
	s.bad.unreadable(path, "must be a whole number from %d to %d, not %s%s", low, high, described(n, f), converted(n.Text, f.TextName()))
	return nil
}

// enum is a name of an enumeration.
func (s *shaper) enum(path string, n *tree.Node, f protoreflect.FieldDescriptor) any {
	values := f.Enum().Values()
	if number, ok := wholeNumber(n); ok {
		if number >= math.MinInt32 && number <= math.MaxInt32 && values.ByNumber(protoreflect.EnumNumber(number)) != nil {
			return number
		}
	} else if n.Kind == tree.Text && values.ByName(protoreflect.Name(n.Text)) != nil {
		return n.Text
	}
	switch {
	case n.Kind == tree.Text && strings.Contains(strings.ToUpper(n.Text), "AWS_MSK_IAM"):
		s.bad.unreadable(path, "%s", msk)
	case n.Kind != tree.Text && n.Kind != tree.Number:
		s.bad.unreadable(path, "must be a name, not %s; %s", kindOf(n), enumAdvice(n.Text, f.Enum()))
	case isSecret(f.ContainingMessage()):
		s.bad.unreadable(path, "is not known; %s", enumAdvice(n.Text, f.Enum()))
	default:
		s.bad.unreadable(path, "%s is not known; %s", described(n, f), enumAdvice(n.Text, f.Enum()))
	}
	return nil
}

// properties is a map from text to text.
func (s *shaper) properties(path string, n *tree.Node, f protoreflect.FieldDescriptor) any {
	if n.Kind != tree.Map {
		s.bad.unreadable(path, "must be a mapping from property to value, {acks: all}, not %s", kindOf(n))
		return nil
	}
	librdkafkas := f.Name() == "producer_config" || f.Name() == "consumer_config"
	shaped := make(map[string]any, len(n.Fields))
	for _, entry := range n.Fields {
		at := key(path, entry.Name)
		s.place(at, entry.Position)
		s.bad.given[at] = entry.Value.Kind != tree.Null
		property, known := specs()[entry.Name]
		switch known = known && librdkafkas; {
		case !known && entry.Value.Kind == tree.Null:
			s.place(path+"[?]", entry.Position)
			s.bad.add(path+"[?]", "a name has no value; write NAME: VALUE, with a colon and a space")
		case known && !property.isText():
			s.typed(shaped, at, entry)
		case known || !librdkafkas:
			if s.text(at, entry.Value) {
				s.warnText(at, entry.Value, true)
				shaped[entry.Name] = entry.Value.Text
			}
		default:
			shaped[entry.Name] = entry.Value.Text // it is refused for its name
		}
	}
	return shaped
}

// text tells whether a property is a text, and says what is wrong if it is none.
func (s *shaper) text(path string, n *tree.Node) bool {
	switch n.Kind {
	case tree.Text:
		return true
	case tree.Null:
		s.bad.unreadable(path, "has no value; write one, or remove it")
	case tree.Number, tree.Bool:
		s.bad.unreadable(path, "must be a text, and YAML takes this for %s; put it in quotes", kindOf(n))
	default:
		s.bad.unreadable(path, "must be a text, not %s", kindOf(n))
	}
	return false
}

// aDecimal is a number that every version of YAML reads in the same way.
var aDecimal = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?$`)

// typed is a property that is no text. People write acks: 1 and mean "1".
func (s *shaper) typed(shaped map[string]any, path string, entry tree.Field) {
	switch n := entry.Value; n.Kind {
	case tree.Bool:
		shaped[entry.Name] = strconv.FormatBool(n.On)
	case tree.Number:
		if !aDecimal.MatchString(n.Text) {
			s.bad.unreadable(path, "must be a decimal number, without zeros before it and signs in it: readers of YAML do not agree on this one")
			return
		}
		shaped[entry.Name] = plainNumber(n)
	default:
		if s.text(path, n) {
			shaped[entry.Name] = n.Text
		}
	}
}

// aVariable looks like one of a shell's, or of a template's.
var aVariable = regexp.MustCompile(`\$\{[^}]*\}|\{\{[^}]*\}\}|^\$[A-Za-z_][A-Za-z0-9_]*$`)

// connectionString is the user name of Azure Event Hubs: it is what is meant.
const connectionString = "$ConnectionString"

// warnText warns of a text that is not what it looks like.
func (s *shaper) warnText(path string, n *tree.Node, secret bool) {
	if aVariable.MatchString(n.Text) && n.Text != connectionString {
		advice := "write the value itself"
		if secret {
			advice = "environment_variable in a field of tls and sasl reads one"
		}
		s.config.warn(path, "looks like a variable, and is taken as it stands: nothing is substituted here; %s", advice)
	}
	if n.Cut {
		s.config.warn(path, "ends before a #, where a comment begins; put the value in quotes if that is part of it")
	}
}

// isBase64 tells whether protojson can read s as bytes.
func isBase64(s string) bool {
	encoding := base64.StdEncoding
	if strings.ContainsAny(s, "-_") {
		encoding = base64.URLEncoding
	}
	if len(s)%4 != 0 {
		encoding = encoding.WithPadding(base64.NoPadding)
	}
	_, err := encoding.DecodeString(s)
	return err == nil
}
