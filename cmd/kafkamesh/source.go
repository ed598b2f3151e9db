package main

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/config"
)

// moduleName is what Envoy's configuration calls our dynamic module: libkafkamesh.so.
const moduleName = "kafkamesh"

// source is one filter configuration, and where it was found: a file of its own, or a place in a file of Envoy's.
type source struct {
	name string // FILE, or FILE: path
	raw  []byte
}

// sources reads the filter configurations in file, "-" being in. A file that is Envoy's (a bootstrap, a listener, or
// whatever else holds our filter) may hold several; any other file is one.
func sources(file string, in io.Reader) ([]source, error) {
	raw, err := read(file, in)
	if err != nil {
		return nil, err
	}
	var tree any
	if yaml.Unmarshal(raw, &tree) != nil {
		return []source{{file, raw}}, nil //nolint:nilerr // config.Parse says better what is wrong
	}
	// A configuration of our own may have an @type too: it is not Envoy's for that.
	if root, ok := tree.(map[string]any); !ok || isKafkaMesh(root) {
		return []source{{file, raw}}, nil
	}
	found, err := search(tree, file+": ")
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		if key := envoyKey(tree); key != "" {
			return nil, fmt.Errorf("%s: this is a configuration of Envoy (it has %s), and no filter in it uses the module or plugin %s",
				file, key, moduleName)
		}
		return []source{{file, raw}}, nil
	}
	return found, nil
}

// parse checks s. On an invalid configuration it prints one line for each mistake to w.
func (s source) parse(w printer) (*config.Config, error) {
	c, err := config.Parse(s.raw)
	if err != nil {
		for mistake := range strings.Lines(err.Error() + "\n") {
			w.printf("%s: %s", s.name, mistake)
		}
		return nil, errReported
	}
	return c, nil
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

// search finds the filter configurations in a file of Envoy's.
func search(tree any, path string) ([]source, error) {
	var found []source
	switch node := tree.(type) {
	case map[string]any:
		if isKafkaMesh(node) {
			return embedded(path, node)
		}
		module, ok := node["dynamic_module_config"].(map[string]any)
		if _, bootstrap := node["extension_name"]; ok && module["name"] == moduleName && !bootstrap { // an extension has no settings
			return embedded(path+".filter_config", node["filter_config"])
		}
		if plugin, ok := node["plugin_config"]; ok && node["plugin_name"] == moduleName { // in the contrib image
			return embedded(path+".plugin_config", plugin)
		}
		for _, key := range slices.Sorted(maps.Keys(node)) {
			in, err := search(node[key], join(path, key))
			if err != nil {
				return nil, err
			}
			found = append(found, in...)
		}
	case []any:
		for i, element := range node {
			in, err := search(element, fmt.Sprintf("%s[%d]", path, i))
			if err != nil {
				return nil, err
			}
			found = append(found, in...)
		}
	}
	return found, nil
}

// embedded unpacks an Any as Envoy does before it hands the configuration to the module.
func embedded(path string, packed any) ([]source, error) {
	node, ok := packed.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%s: must be a message with an @type, such as google.protobuf.Struct", path)
	}
	value := node["value"]
	switch typeURL, _ := node["@type"].(string); {
	case isKafkaMesh(node):
		value = node
	case strings.HasSuffix(typeURL, "google.protobuf.StringValue"):
		text, _ := value.(string)
		return []source{{path, []byte(text)}}, nil
	case strings.HasSuffix(typeURL, "google.protobuf.BytesValue"):
		text, _ := value.(string)
		raw, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return nil, fmt.Errorf("%s.value: %w", path, err)
		}
		return []source{{path, raw}}, nil
	case strings.HasSuffix(typeURL, "google.protobuf.Struct"), strings.HasSuffix(typeURL, "type.v3.TypedStruct"):
	default:
		return nil, fmt.Errorf("%s: @type %q cannot hold a configuration; use type.googleapis.com/google.protobuf.Struct",
			path, typeURL)
	}
	raw, err := yaml.Marshal(value)
	if err != nil {
		return nil, errors.New(path + ": " + err.Error())
	}
	return []source{{path, raw}}, nil
}

func isKafkaMesh(node map[string]any) bool {
	typeURL, _ := node["@type"].(string)
	return strings.HasSuffix(typeURL, ".KafkaMesh")
}

// envoyKey is a key by which the root of a file of Envoy's is known, or empty.
func envoyKey(tree any) string {
	root, _ := tree.(map[string]any)
	for _, key := range []string{"static_resources", "dynamic_resources", "resources", "filter_chains"} {
		if _, ok := root[key]; ok {
			return key
		}
	}
	return ""
}

func join(path, key string) string {
	if strings.HasSuffix(path, ": ") {
		return path + key
	}
	return path + "." + key
}
