package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/config/tree"
	kafkameshv1 "github.com/kafkamesh/envoy-kafka-mesh/proto/kafkamesh/v1"
)

// parseText reads YAML or JSON of one document.
func parseText(raw []byte) (*Config, error) {
	documents, problems := tree.Read(raw)
	switch {
	case len(documents) > 1:
		second := documents[1].Position
		return nil, &Remark{second.Line, second.Column, "", "a second YAML document begins here; write one"}
	case len(documents) == 0 && len(problems) == 0:
		return nil, errEmpty()
	case len(documents) == 0:
		return nil, remark("", problems[0])
	}
	return parseTree(documents[0], problems)
}

// ParseNode is Parse for a part of a text that tree.Read has read, such as a configuration in one of Envoy's.
func ParseNode(n *tree.Node) (*Config, error) { return parseTree(n, nil) }

// parseTree reads a document in which there are problems.
func parseTree(root *tree.Node, problems []tree.Problem) (*Config, error) {
	s := shaper{bad: &mistakes{places: places{}, given: map[string]bool{}}, config: &Config{}, root: root}
	for _, p := range problems {
		r := remark(pathOf(p.Path), p)
		s.bad.list = append(s.bad.list, r)
		if !strings.HasPrefix(p.Text, "is given twice") {
			s.bad.spoil(r.Path)
		}
	}
	m := &kafkameshv1.KafkaMesh{}
	shaped := s.rootMessage(root, m.ProtoReflect().Descriptor())
	if s.bad.cannotRead("") {
		return nil, s.bad.err()
	}
	text, err := json.Marshal(shaped)
	if err != nil {
		return nil, fmt.Errorf("write the configuration as JSON: %w", err)
	}
	// Names and types were checked, so that nothing is wrong. Its words would speak of lines that nobody has seen, and show values.
	if protojson.Unmarshal(text, m) != nil {
		return nil, errors.New("the configuration cannot be read; please report it, without its secrets")
	}
	return s.config.read(m, s.bad)
}

func remark(path string, p tree.Problem) *Remark { return &Remark{p.Line, p.Column, path, p.Text} }

// pathOf is the path of steps, whose names are not known to be fields.
func pathOf(steps []tree.Step) string {
	path := ""
	for _, s := range steps {
		switch {
		case s.Name == "":
			path = index(path, s.Index)
		case strings.Contains(s.Name, ".") || shownKey(s.Name) != `"`+s.Name+`"`:
			path = key(path, s.Name)
		default:
			path = join(path, s.Name)
		}
	}
	return path
}
