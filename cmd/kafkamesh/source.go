package main

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/config"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/config/tree"
)

// moduleName is what Envoy's configuration calls our dynamic module: libkafkamesh.so.
const moduleName = "kafkamesh"

// Types of messages in Envoy's configurations, as the ends of type URLs.
const (
	typeFilter  = "envoy.extensions.filters.network.dynamic_modules.v3.DynamicModuleNetworkFilter"
	typeCPP     = ".kafka_mesh.v3alpha.KafkaMesh"
	typeStruct  = "google.protobuf.Struct"
	typeString  = "google.protobuf.StringValue"
	typeBytes   = "google.protobuf.BytesValue"
	typeTyped   = "type.v3.TypedStruct"
	googleTypes = "type.googleapis.com/"
)

// source is one filter configuration, and where it was found: a file of its own, or a place in a file of Envoy's.
type source struct {
	file string
	path string     // in file; empty: all of it
	node *tree.Node // what is there, unless it is a text in the file, raw
	raw  []byte
	// mistakes are what Envoy would say of what is around it.
	mistakes []*config.Remark
}

// name is FILE, or FILE: path.
func (s *source) name() string {
	if s.path == "" {
		return s.file
	}
	return s.file + ": " + s.path
}

// sources reads the filter configurations in file, "-" being in. A file that is Envoy's (a bootstrap, a listener, or
// whatever else holds our filter), or Kubernetes', may hold several, in several documents; any other file is one.
func sources(file string, in io.Reader) ([]source, error) {
	raw, err := read(file, in)
	if err != nil {
		return nil, err
	}
	return sourcesIn(file, raw)
}

// sourcesIn is sources of a text that has been read.
func sourcesIn(file string, raw []byte) ([]source, error) {
	documents, problems := tree.Read(raw)
	if len(documents) == 0 || len(problems) > 0 && envoyKey(documents[0]) == "" { // config.Parse says better what is wrong
		return []source{{file: file, raw: raw}}, nil
	}
	if len(problems) > 0 {
		return nil, errors.Join(problemLines(file, problems)...)
	}
	s := searcher{file: file}
	var others int
	for _, document := range documents {
		before := len(s.found)
		if err := s.configMap(document); err != nil {
			return nil, err
		}
		if !isKafkaMesh(document) { // a configuration of our own may have an @type too: it is not Envoy's for that
			s.search(document, "")
		}
		if len(s.found) == before && envoyKey(document) == "" {
			others++
			s.found = append(s.found, source{file: file, node: document})
		}
	}
	switch {
	case len(documents) == 1 && others == 1:
		return []source{{file: file, raw: raw}}, nil
	case len(s.found) == 0 && s.other != "":
		return nil, fmt.Errorf("%s: a filter in it uses the module %q; ours is called %s, because its file is libkafkamesh.so", file, s.other, moduleName)
	case len(s.found) == 0:
		return nil, fmt.Errorf("%s: this is a configuration of Envoy or Kubernetes (it has %s), and no filter in it uses the module or plugin %s",
			file, envoyKey(documents[0]), moduleName)
	}
	return s.found, nil
}

// problemLines are what is wrong with a text of Envoy's that has names twice, and the like.
func problemLines(file string, problems []tree.Problem) []error {
	lines := make([]error, len(problems))
	for i, p := range problems {
		lines[i] = fmt.Errorf("%s:%d:%d: the field here %s", file, p.Line, p.Column, p.Text)
	}
	return lines
}

// parse checks s. On an invalid configuration it prints one line for each mistake to w.
func (s *source) parse(w printer) (*config.Config, error) {
	c, err := s.config()
	if err != nil {
		for _, r := range config.Remarks(err) {
			s.print(w, "", r)
		}
		return nil, errReported
	}
	return c, nil
}

// parseWhole is parse, and also says what Envoy would say of what is around s.
func (s *source) parseWhole(w printer) (*config.Config, error) {
	for _, r := range s.mistakes {
		if r.Line > 0 {
			w.printf("%s:%d:%d: %s\n", s.file, r.Line, r.Column, r.Message())
		} else {
			w.printf("%s: %s\n", s.name(), r.Message())
		}
	}
	c, err := s.parse(w)
	if err == nil && len(s.mistakes) > 0 {
		err = errReported
	}
	return c, err
}

// config is what s holds, if it is something that the host takes which it is written for: Envoy, if it is in a file of Envoy's.
func (s *source) config() (c *config.Config, err error) {
	if s.node != nil {
		c, err = config.ParseNode(s.node)
	} else {
		c, err = config.Parse(s.raw)
	}
	if err == nil && s.path != "" {
		err = c.ForEnvoy()
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}

// print writes a remark as compilers do, FILE:LINE:COLUMN: what, where lines of the file are known.
func (s *source) print(w printer, kind string, r *config.Remark) {
	switch {
	case r.Line > 0 && (s.node != nil || s.path == ""):
		w.printf("%s:%d:%d: %s%s\n", s.file, r.Line, r.Column, kind, r.Message())
	case r.Line > 0:
		w.printf("%s: %s%s\n", s.name(), kind, r.Error())
	default:
		w.printf("%s: %s%s\n", s.name(), kind, r.Message())
	}
}

// warn prints the warnings of what s holds.
func (s *source) warn(w printer, warnings []*config.Remark) {
	for _, r := range warnings {
		s.print(w, "warning: ", r)
	}
}

// warnings are those of c, which is what s holds, in the host that it is written for: Envoy, if it is in a file of Envoy's.
func (s *source) warnings(c *config.Config) []*config.Remark {
	if s.path == "" {
		return c.Warnings
	}
	return slices.Concat(c.Warnings, c.EnvoyWarnings)
}

func read(file string, in io.Reader) ([]byte, error) {
	if file == "-" {
		return io.ReadAll(in)
	}
	raw, err := os.ReadFile(file) //nolint:gosec // the user names the file
	if p, ok := errors.AsType[*os.PathError](err); ok {
		return nil, fmt.Errorf("%s: cannot %s: %w", file, p.Op, p.Err)
	}
	return raw, err
}

// unpack reads an Any as Envoy does before it hands the configuration to the module.
func (s *source) unpack(packed *tree.Node) {
	value := packed.Field("value")
	wrong := func(at *tree.Node, format string, args ...any) {
		s.mistakes = append(s.mistakes, &config.Remark{Line: at.Line, Column: at.Column, Text: fmt.Sprintf(format, args...)})
	}
	if packed.Kind != tree.Map {
		wrong(packed, "filter_config must be a message with an @type; write %q: %s, and the fields into value", "@type", googleTypes+typeStruct)
		s.raw = []byte(placeholder)
		return
	}
	typeURL := packed.Field("@type")
	is := func(name string) bool { return typeURL != nil && strings.HasSuffix(typeURL.Text, name) }
	switch {
	case typeURL == nil:
		wrong(packed, "has no @type, which Envoy wants; write %q: %s", "@type", googleTypes+typeStruct)
		s.node = packed
		if value != nil {
			s.node = value
		}
	case is(typeCPP):
		wrong(typeURL, "only Envoy's contrib image knows this type; write %s, and the fields into value", googleTypes+typeStruct)
		s.node = withoutType(packed)
	case is(".KafkaMesh"):
		wrong(typeURL, "Envoy does not know this type; write %s, and the fields into value", googleTypes+typeStruct)
		if s.node = withoutType(packed); value != nil {
			s.node = value
		}
	case is(typeString):
		s.raw = []byte(text(value))
	case is(typeBytes):
		raw, err := base64.StdEncoding.DecodeString(text(value))
		if err != nil {
			wrong(packed, "value is not base64")
			raw = []byte(placeholder)
		}
		s.raw = raw
	case is(typeStruct), is(typeTyped):
		if value == nil {
			wrong(packed, "the fields belong into value, which is missing")
			value = withoutType(packed)
		}
		s.node = value
	default:
		wrong(typeURL, "this type cannot hold a configuration; write %s", googleTypes+typeStruct)
		s.raw = []byte(placeholder)
	}
}

// placeholder stands for a configuration that cannot be read, and of which nothing is to be said.
const placeholder = "upstream_clusters: [{cluster_name: x, bootstrap_servers: x}]\nforwarding_rules: [{target_cluster: x, topic_prefix: ''}]\n"

func withoutType(n *tree.Node) *tree.Node {
	copied := *n
	copied.Fields = nil
	for _, f := range n.Fields {
		if f.Name != "@type" {
			copied.Fields = append(copied.Fields, f)
		}
	}
	return &copied
}

func text(n *tree.Node) string {
	if n == nil {
		return ""
	}
	return n.Text
}

func isKafkaMesh(n *tree.Node) bool { return strings.HasSuffix(text(n.Field("@type")), ".KafkaMesh") }

// envoyKey is a key by which the root of a file of Envoy's or Kubernetes' is known, or empty.
func envoyKey(root *tree.Node) string {
	for _, key := range []string{"static_resources", "dynamic_resources", "resources", "filter_chains", "apiVersion"} {
		if root.Field(key) != nil {
			return key
		}
	}
	return ""
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
