package main

import (
	"fmt"
	"path"
	"strings"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/config"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/config/tree"
)

// searcher finds the filter configurations in a file of Envoy's, and says what Envoy would say of what is around them.
type searcher struct {
	file  string
	found []source
	other string // a module that is not ours, with a configuration that is
}

func (s *searcher) search(n *tree.Node, path string) {
	switch n.Kind {
	case tree.List:
		for i, item := range n.Items {
			at := fmt.Sprintf("%s[%d]", path, i)
			if !strings.HasSuffix(path, "filters") || !s.filter(item, at, n.Items[i+1:]) {
				s.search(item, at)
			}
		}
	case tree.Map:
		before := len(s.found)
		if s.filter(n, path, nil) { // a patch's value
			return
		}
		for _, f := range n.Fields {
			s.search(f.Value, join(path, f.Name))
		}
		s.patch(n, s.found[before:])
	default:
	}
}

// filter tells whether n is a network filter that is ours, or Envoy's own kafka_mesh, and takes it. behind are the filters of its chain
// that come after it.
func (s *searcher) filter(n *tree.Node, path string, behind []*tree.Node) bool {
	typed, at := n.Field("typed_config"), join(path, "typed_config")
	if typed == nil {
		typed, at = n, path // the message itself, as in resources
	}
	if typed.Kind != tree.Map {
		return false
	}
	src := source{file: s.file}
	switch module := typed.Field("dynamic_module_config"); {
	case isKafkaMesh(typed):
		s.cpp(&src, typed, at)
	case module != nil && typed.Field("extension_name") != nil: // a bootstrap extension has no settings
		return true
	case module != nil && moduleIn(module) == moduleName:
		src.path = at + ".filter_config"
		if packed := typed.Field("filter_config"); packed != nil {
			src.unpack(packed)
		} else {
			src.unpack(&tree.Node{Position: typed.Position})
		}
		src.around(typed, behind)
	case module != nil:
		if holdsMesh(typed.Field("filter_config")) {
			s.other = moduleIn(module)
		}
		return false
	case typed.Field("plugin_config") != nil && text(typed.Field("plugin_name")) == moduleName: // in the contrib image
		src.path = at + ".plugin_config"
		src.unpack(typed.Field("plugin_config"))
	default:
		return false
	}
	s.found = append(s.found, src)
	return true
}

// moduleIn is the name of the module that a dynamic_module_config names, or whose file it names, as Envoy 1.39 and newer can.
func moduleIn(n *tree.Node) string {
	if file := text(n.Field("module").Field("local").Field("filename")); file != "" {
		name, _ := strings.CutPrefix(path.Base(file), "lib")
		name, _ = strings.CutSuffix(name, ".so")
		return name
	}
	return text(n.Field("name"))
}

// cpp takes the configuration of Envoy's own filter.
func (s *searcher) cpp(src *source, typed *tree.Node, path string) {
	src.path, src.node = path, withoutType(typed)
	if typeURL := typed.Field("@type"); strings.HasSuffix(typeURL.Text, typeCPP) {
		src.mistakes = append(src.mistakes, &config.Remark{Line: typeURL.Line, Column: typeURL.Column, Text: cppText})
	}
}

const cppText = "this configures Envoy's own filter, which is in the contrib image alone; kafkamesh convert FILE writes the same for this one"

// holdsMesh tells whether a filter_config is one for us.
func holdsMesh(n *tree.Node) bool {
	return n.Field("forwarding_rules") != nil || n.Field("value").Field("forwarding_rules") != nil
}

// around checks what stands beside filter_config, and behind the filter.
func (s *source) around(typed *tree.Node, behind []*tree.Node) {
	wrong := func(at tree.Position, text string) {
		s.mistakes = append(s.mistakes, &config.Remark{Line: at.Line, Column: at.Column, Text: text})
	}
	switch typeURL := typed.Field("@type"); {
	case typeURL == nil:
		wrong(typed.Position, `has no @type, which Envoy wants; write "@type": `+googleTypes+typeFilter)
	case !strings.HasSuffix(typeURL.Text, typeFilter):
		wrong(typeURL.Position, "the module is a network filter, which has the @type "+googleTypes+typeFilter)
	}
	for _, f := range typed.Fields {
		switch f.Name {
		case "@type", "dynamic_module_config", "filter_name", "filter_config", "terminal_filter":
		default:
			wrong(f.Position, f.Name+" does not belong here, and Envoy refuses it; indent it, into value of filter_config")
		}
	}
	terminal := typed.Field("terminal_filter")
	switch at := terminal; {
	case len(behind) > 0:
		wrong(behind[0].Position, "a filter stands behind the mesh, which answers clients itself: Envoy refuses that if terminal_filter is true, and "+
			"else each client has a connection there too; remove this filter")
	case at == nil:
		wrong(typed.Position, "terminal_filter: true is missing; without it Envoy wants a filter behind the mesh, which answers clients itself")
	case !at.On:
		wrong(at.Position, "terminal_filter must be true; without it Envoy wants a filter behind the mesh, which answers clients itself")
	}
}

// patch checks how Istio's EnvoyFilter puts a filter into a chain.
func (s *searcher) patch(n *tree.Node, found []source) {
	operation := n.Field("patch").Field("operation")
	if len(found) == 0 || text(n.Field("applyTo")) != "NETWORK_FILTER" || operation == nil || operation.Text == "REPLACE" {
		return
	}
	found[0].mistakes = append(found[0].mistakes, &config.Remark{
		Line: operation.Line, Column: operation.Column,
		Text: operation.Text + " leaves tcp_proxy in the chain, to which each client would have a connection too; write REPLACE",
	})
}
