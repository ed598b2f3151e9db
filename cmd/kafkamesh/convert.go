package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/config"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/config/tree"
)

func convertCommand() command {
	return command{
		name:    "convert",
		args:    "FILE",
		summary: "write a configuration of Envoy's own filter as one for this filter",
		about: `Reads FILE, "-" being standard input: a configuration of Envoy, or a part of
one, with the filter envoy.filters.network.kafka_mesh of its contrib image. Writes
the same to standard output with this filter in its place. Comments stay, and so
does all else. What this filter refuses is printed to standard error, and so is what
it does in another way; the exit code is then 1.`,
		setup: func(*flag.FlagSet) runFunc { return convert },
	}
}

func convert(_ context.Context, files []string, s streams) error {
	if len(files) != 1 {
		return usageError("name one FILE to convert")
	}
	raw, err := read(files[0], s.in)
	if err != nil {
		return err
	}
	converted, err := convertText(files[0], raw)
	if err != nil {
		return err
	}
	s.out.printf("%s", converted)
	return checkConverted(converted, s.err)
}

// checkConverted says what is to be mended in what was written. Lines are those of the output.
func checkConverted(text []byte, w printer) error {
	found, err := sources("-", bytes.NewReader(text))
	if err != nil {
		return err
	}
	var failed error
	for _, src := range found {
		src.file = "converted"
		c, err := src.parseWhole(w)
		if err != nil {
			failed = err
			continue
		}
		src.warn(w, src.warnings(c))
	}
	return failed
}

// convertText replaces every filter kafka_mesh in a text of one document or several.
func convertText(file string, raw []byte) ([]byte, error) {
	documents, problems := tree.Read(raw)
	if len(documents) == 0 || len(problems) > 0 { // where that is, and what to write instead
		if _, err := config.Parse(raw); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
	}
	decoder := yaml.NewDecoder(bytes.NewReader(raw))
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	replaced := 0
	for {
		var document yaml.Node
		err := decoder.Decode(&document)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("%s: cannot be read as YAML", file)
		}
		replaced += replaceFilters(&document)
		if err := encoder.Encode(&document); err != nil {
			return nil, fmt.Errorf("%s: cannot be written as YAML: %w", file, err)
		}
	}
	if err := encoder.Close(); err != nil {
		return nil, fmt.Errorf("%s: cannot be written as YAML: %w", file, err)
	}
	if replaced == 0 {
		return nil, fmt.Errorf("%s: there is no filter of the type …%s in it", file, typeCPP)
	}
	return out.Bytes(), nil
}

// replaceFilters replaces those below n and returns their number.
func replaceFilters(n *yaml.Node) (replaced int) {
	if n.Kind == yaml.MappingNode {
		name, typed := entry(n, "name"), entry(n, "typed_config")
		if typed != nil && isCPP(typed) {
			*typed = *ourFilter(typed)
			if name != nil {
				name.SetString("envoy.filters.network.dynamic_modules")
			}
			return 1
		}
	}
	for _, in := range n.Content {
		replaced += replaceFilters(in)
	}
	return replaced
}

func isCPP(n *yaml.Node) bool {
	typeURL := entry(n, "@type")
	return typeURL != nil && strings.HasSuffix(typeURL.Value, typeCPP)
}

// entry is the value of a mapping's field, or nil.
func entry(n *yaml.Node, name string) *yaml.Node {
	for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == name {
			return n.Content[i+1]
		}
	}
	return nil
}

// ourFilter is this filter's typed_config with the fields of Envoy's own.
func ourFilter(cpp *yaml.Node) *yaml.Node {
	value := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Style: cpp.Style}
	for i := 0; i+1 < len(cpp.Content); i += 2 {
		if cpp.Content[i].Value != "@type" {
			value.Content = append(value.Content, cpp.Content[i], cpp.Content[i+1])
		}
	}
	return mapping(
		"@type", word(googleTypes+typeFilter),
		"dynamic_module_config", mapping("name", word(moduleName), "metrics_namespace", word(moduleName)),
		"filter_name", word("kafka_mesh"),
		"terminal_filter", &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: "true"},
		"filter_config", mapping("@type", word(googleTypes+typeStruct), "value", value),
	)
}

func word(text string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text}
}

// mapping is one of names and nodes.
func mapping(fields ...any) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	for _, f := range fields {
		switch f := f.(type) {
		case string:
			n.Content = append(n.Content, word(f))
		case *yaml.Node:
			n.Content = append(n.Content, f)
		}
	}
	return n
}
