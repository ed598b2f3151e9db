package config

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// typeKey is what Envoy's configurations write in an Any to name the message.
const typeKey = "@type"

// shapeRoot checks the names and types of everything in tree against the message d, and returns it in the one form that
// protojson reads without fail: field names as in the .proto, whole numbers without a fraction, texts as texts.
func shapeRoot(bad *mistakes, tree any, d protoreflect.MessageDescriptor) any {
	root, ok := tree.(map[string]any)
	if !ok && tree != nil {
		bad.add("", "the configuration must be a mapping with the fields %s, not %s", strings.Join(fieldNames(d), ", "), kindOf(tree))
		return nil
	}
	if len(root) == 0 {
		bad.add("", "%v", errEmpty())
		return nil
	}
	if typeURL, given := root[typeKey]; given {
		if s, _ := typeURL.(string); !isKafkaMesh(s) {
			bad.add("", "%s", wrongType(s))
			return nil
		}
		root = maps.Clone(root)
		delete(root, typeKey)
		tree = root
	}
	return shapeMessage(bad, "", tree, d)
}

func shapeMessage(bad *mistakes, path string, v any, d protoreflect.MessageDescriptor) any {
	object, ok := v.(map[string]any)
	if !ok {
		bad.add(path, "must be %s, not %s", expected(d), kindOf(v))
		return nil
	}
	shaped := make(map[string]any, len(object))
	for _, name := range slices.Sorted(maps.Keys(object)) {
		f := d.Fields().ByTextName(name)
		if f == nil {
			f = d.Fields().ByJSONName(name)
		}
		if f == nil {
			names := fieldNames(d)
			bad.add(path, "unknown field%s%s", shownName(name, object[name], d),
				suggest(beforeValue(name), names, "; remove it (fields: "+strings.Join(names, ", ")+")"))
			continue
		}
		if _, twice := shaped[f.TextName()]; twice {
			bad.add(join(path, f.TextName()), "is given twice, also as %s; keep one", f.JSONName())
			continue
		}
		if object[name] != nil { // null means not set, as in Envoy
			shaped[f.TextName()] = shapeField(bad, join(path, f.TextName()), object[name], f)
			if other := alternative(shaped, f); other != "" {
				bad.add(path, "%s and %s exclude each other; keep one", f.TextName(), other)
			}
		}
	}
	return shaped
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

func shapeField(bad *mistakes, path string, v any, f protoreflect.FieldDescriptor) any {
	switch {
	case f.IsMap():
		object, ok := v.(map[string]any)
		if !ok {
			bad.add(path, "must be a mapping from property to value, {acks: all}, not %s", kindOf(v))
			return nil
		}
		shaped := make(map[string]any, len(object))
		for _, k := range slices.Sorted(maps.Keys(object)) {
			if _, known := specs()[k]; !known && object[k] == nil {
				bad.add(path, "a name has no value; write NAME: VALUE, with a colon and a space")
				continue
			}
			shaped[k] = propertyText(bad, key(path, k), object[k])
		}
		return shaped
	case f.IsList():
		list, ok := v.([]any)
		if !ok {
			bad.add(path, "must be a list, not %s", kindOf(v))
			return nil
		}
		shaped := make([]any, len(list))
		for i, element := range list {
			shaped[i] = shapeValue(bad, index(path, i), element, f)
		}
		return shaped
	default:
		return shapeValue(bad, path, v, f)
	}
}

func shapeValue(bad *mistakes, path string, v any, f protoreflect.FieldDescriptor) any {
	said := described(v, f)
	switch f.Kind() {
	case protoreflect.MessageKind:
		return shapeMessage(bad, path, v, f.Message())
	case protoreflect.EnumKind:
		return shapeEnum(bad, path, v, f)
	case protoreflect.Int32Kind:
		if n, ok := wholeNumber(v); ok && n >= math.MinInt32 && n <= math.MaxInt32 {
			return n
		}
		bad.add(path, "must be a whole number (at most %d), not %s", math.MaxInt32, said)
	case protoreflect.Int64Kind:
		if n, ok := wholeNumber(v); ok {
			return n
		}
		bad.add(path, "must be a whole number, not %s", said)
	case protoreflect.BoolKind:
		if on, ok := v.(bool); ok {
			return on
		}
		bad.add(path, "must be true or false, not %s", said)
	case protoreflect.StringKind:
		if s, ok := v.(string); ok {
			return s
		}
		hint := ""
		switch v.(type) {
		case json.Number, bool:
			hint = "; put it in quotes"
		}
		bad.add(path, "must be a text, not %s%s", said, hint)
	case protoreflect.BytesKind:
		if s, ok := v.(string); ok && isBase64(s) {
			return s
		}
		bad.add(path, "must be a text in base64, which this is not; write plain text into inline_string")
	default:
		return v // no field is of another kind; protojson judges
	}
	return nil
}

func shapeEnum(bad *mistakes, path string, v any, f protoreflect.FieldDescriptor) any {
	d := f.Enum()
	if n, ok := wholeNumber(v); ok {
		if n >= math.MinInt32 && n <= math.MaxInt32 && d.Values().ByNumber(protoreflect.EnumNumber(n)) != nil {
			return n
		}
	} else if s, ok := v.(string); ok && d.Values().ByName(protoreflect.Name(s)) != nil {
		return s
	}
	names := make([]string, d.Values().Len())
	for i := range names {
		names[i] = string(d.Values().Get(i).Name())
	}
	bad.add(path, "%s is not known; remove it or write %s", described(v, f), strings.Join(names, ", "))
	return nil
}

// propertyText returns the text of a property's value. People write acks: 1 and mean "1".
func propertyText(bad *mistakes, path string, v any) string {
	switch v := v.(type) {
	case string:
		return v
	case bool:
		return strconv.FormatBool(v)
	case json.Number:
		if n, ok := wholeNumber(v); ok {
			return strconv.FormatInt(n, 10)
		}
		if isDigits(v.String()) {
			return v.String()
		}
		if f, err := v.Float64(); err == nil {
			return strconv.FormatFloat(f, 'f', -1, 64)
		}
	case nil:
		bad.add(path, "has no value; write one, or remove it")
		return ""
	}
	bad.add(path, "must be a text, not %s", kindOf(v))
	return ""
}

// wholeNumber reads a number that may be written as Envoy writes those of a Struct, 19092.0 or 1.9092e4, or as a text.
func wholeNumber(v any) (int64, bool) {
	var text string
	switch v := v.(type) {
	case json.Number:
		text = v.String()
	case string:
		text = v
		if !isDigits(strings.TrimPrefix(v, "-")) {
			return 0, false
		}
	default:
		return 0, false
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n, true
	}
	const exact = 1 << 53
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || f != math.Trunc(f) || math.Abs(f) > exact {
		return 0, false
	}
	return int64(f), true
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

// checkNothingUnknown refuses fields that came in binary form with numbers that m does not have.
func checkNothingUnknown(bad *mistakes, path string, m protoreflect.Message) {
	for rest := m.GetUnknown(); len(rest) > 0; {
		number, _, n := protowire.ConsumeField(rest)
		if n < 0 {
			break
		}
		bad.add(path, "unknown field number %d; this version of the filter does not know it, or knows it with another type", number)
		rest = rest[n:]
	}
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		switch {
		case f.Kind() != protoreflect.MessageKind || f.IsMap(): // maps hold texts
		case f.IsList():
			list := m.Get(f).List()
			for j := range list.Len() {
				checkNothingUnknown(bad, index(join(path, f.TextName()), j), list.Get(j).Message())
			}
		case m.Has(f):
			checkNothingUnknown(bad, join(path, f.TextName()), m.Get(f).Message())
		}
	}
}
