package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"sigs.k8s.io/yaml"

	kafkameshv1 "github.com/kafkamesh/envoy-kafka-mesh/proto/kafkamesh/v1"
)

// decodeText reads YAML or JSON. Names and types are checked here, with the field's path, so that protojson finds
// nothing wrong: it would speak of lines of a text that the user never saw, and show values.
func decodeText(raw []byte) (*kafkameshv1.KafkaMesh, error) {
	tree, err := parseTree(raw)
	if err != nil {
		return nil, err
	}
	var bad mistakes
	m := &kafkameshv1.KafkaMesh{}
	shaped := shapeRoot(&bad, tree, m.ProtoReflect().Descriptor())
	if err := bad.err(); err != nil {
		return nil, err
	}
	text, err := json.Marshal(shaped)
	if err != nil {
		return nil, fmt.Errorf("write the configuration as JSON: %w", err)
	}
	if protojson.Unmarshal(text, m) != nil { // its words may show them
		return nil, errors.New("the configuration cannot be read; please report it, without its secrets")
	}
	return m, nil
}

// parseTree returns the text as maps, lists, strings, json.Numbers, booleans and nil. JSON is read as such, since some of
// it is not YAML: pairs of \u escapes, for one.
func parseTree(raw []byte) (any, error) {
	raw = bytes.TrimPrefix(raw, []byte("\ufeff"))
	if !json.Valid(raw) {
		if severalDocuments(raw) {
			return nil, errors.New("the text holds more than one YAML document; write one")
		}
		text, err := yaml.YAMLToJSONStrict(raw)
		if err != nil {
			return nil, errors.New(yamlMistake(err))
		}
		raw = text
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var bad mistakes
	tree, err := jsonTree(d, &bad, "")
	if err != nil {
		return nil, fmt.Errorf("the text is neither YAML nor JSON: %w", err)
	}
	return tree, bad.err()
}

// jsonTree reads one value, as json.Decoder.Decode does, but takes note of keys given twice.
func jsonTree(d *json.Decoder, bad *mistakes, path string) (any, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('['):
		list := []any{}
		for d.More() {
			element, err := jsonTree(d, bad, index(path, len(list)))
			if err != nil {
				return nil, err
			}
			list = append(list, element)
		}
		_, err = d.Token()
		return list, err
	case json.Delim('{'):
		object := map[string]any{}
		for d.More() {
			if err := jsonEntry(d, bad, path, object); err != nil {
				return nil, err
			}
		}
		_, err = d.Token()
		return object, err
	default:
		return token, nil
	}
}

func jsonEntry(d *json.Decoder, bad *mistakes, path string, object map[string]any) error {
	token, err := d.Token()
	if err != nil {
		return err
	}
	name, _ := token.(string)
	value, err := jsonTree(d, bad, join(path, strings.Trim(shownKey(name), `"`)))
	if err != nil {
		return err
	}
	if _, twice := object[name]; twice {
		bad.add(path, "%s is given twice; keep one", shownKey(name))
	}
	object[name] = value
	return nil
}

// severalDocuments tells whether text follows a line that ends a YAML document. Such a line is never part of a value.
func severalDocuments(raw []byte) bool {
	started, ended := false, false
	for l := range bytes.Lines(raw) {
		l = bytes.TrimRight(l, " \t\r\n")
		marker := bytes.Equal(l, []byte("---")) || bytes.Equal(l, []byte("...")) || bytes.HasPrefix(l, []byte("--- "))
		blank := len(l) == 0 || bytes.HasPrefix(bytes.TrimLeft(l, " \t"), []byte("#")) || l[0] == '%'
		switch {
		case marker:
			ended = ended || started
			started = started || len(l) > len("---")
		case !blank:
			started = true
		}
		if ended && started && !marker && !blank {
			return true
		}
	}
	return false
}

// yamlMistake rewrites an error of the YAML package for someone who knows YAML but not Go.
func yamlMistake(err error) string {
	text := err.Error()
	if strings.Contains(text, "unknown anchor") { // its name may be what was meant as a value
		text = "a value that begins with * is an alias of YAML's, and there is nothing of that name; put the value in quotes"
	}
	if strings.Contains(text, " map key") { // unsupported or invalid, and then Go's notation
		text = "the name of a field must be a text"
	}
	for _, noise := range []string{"error converting YAML to JSON: ", "yaml: ", "unmarshal errors:"} {
		text = strings.TrimPrefix(text, noise)
	}
	if before, after, ok := strings.Cut(text, "key \""); ok && strings.HasSuffix(after, " already set in map") {
		text = before + "a name is given twice"
	}
	return "the text is not valid YAML: " + strings.Join(strings.Fields(text), " ")
}
