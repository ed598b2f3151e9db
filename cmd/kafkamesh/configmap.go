package main

import (
	"fmt"
	"strings"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/config/tree"
)

// configMap finds the configurations that are texts in a ConfigMap of Kubernetes: the mesh's own, and Envoy's with ours in them. Other
// texts are left alone. Lines and columns are those in the text.
func (s *searcher) configMap(document *tree.Node) error {
	if text(document.Field("kind")) != "ConfigMap" || document.Field("data") == nil {
		return nil
	}
	for _, f := range document.Field("data").Fields {
		if !strings.Contains(f.Value.Text, "forwarding_rules") { // every configuration of ours has some
			continue
		}
		found, err := sourcesIn(fmt.Sprintf("%s: data[%q]", s.file, f.Name), []byte(f.Value.Text))
		if err != nil {
			return err
		}
		s.found = append(s.found, found...)
	}
	return nil
}
