//go:build onrequest

package manifests

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// strimzis are fields whose definitions take anything: what Kafka is told, which Strimzi's operator reads.
var strimzis = regexp.MustCompile(`^\.spec\.kafka\.config\b`)

// unjudged are places of which an API server knows nothing.
func unjudged(path string) bool { return envoys.MatchString(path) || strimzis.MatchString(path) }

// TestServerJudgesManifests puts each manifest to an API server, and then copies that are wrong, of which it has to take none.
func TestServerJudgesManifests(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	all := s.known(t, applicable(t))
	if len(all) < 60 {
		t.Errorf("there are only %d documents", len(all))
	}
	for _, p := range all {
		if word(p.content, "kind") == "Namespace" { // it is put to the server before there is one
			s.wantTaken(t, p)
		}
	}
	s.furnish(t, all)
	for _, p := range all {
		if word(p.content, "kind") != "Namespace" {
			s.wantTaken(t, p)
		}
	}
	strays := strayFields(t, all, func(path string, content map[string]any) bool { return free(path, content) || unjudged(path) })
	types, values := otherTypes(t, all, unjudged), wrongValues(t, all)
	t.Logf("%d documents; a field too many in %d places, another type in %d, and %d values that are none", len(all), len(strays), len(types), len(values))
	for _, wrong := range [][]mistake{strays, types, values} {
		if len(wrong) == 0 {
			t.Error("there are no copies of a kind")
		}
		for _, m := range wrong {
			if err := s.create(t.Context(), m.part, true); err == nil || !strings.Contains(err.Error(), m.names) {
				t.Errorf("%s%s: the server says of the mistake: %v", m.name, m.place, err)
			}
		}
	}
}

// known are the documents without those of Strimzi where its definitions could not be made.
func (s *server) known(t *testing.T, all []part) (known []part) {
	t.Helper()
	for _, p := range all {
		version := word(p.content, "apiVersion")
		_, err := s.path(t.Context(), version, word(p.content, "kind"))
		if err == nil || stack.Required() || !strings.HasPrefix(version, "kafka.strimzi.io/") {
			known = append(known, p) // an unknown one is refused
		}
	}
	if left := len(all) - len(known); left > 0 {
		t.Logf("%d resources of Strimzi are left out: their definitions take a Java of 21 or later", left)
	}
	return known
}

// furnish makes the namespaces, and in each the service account that the controller manager would make.
func (s *server) furnish(t *testing.T, all []part) {
	t.Helper()
	names := map[string]bool{}
	for _, p := range all {
		names[p.namespace()] = true
		if word(p.content, "kind") == "Namespace" {
			names[word(p.content, "metadata", "name")] = true
		}
	}
	for name := range names {
		if name != "default" { // which the server has made
			s.make(t, "Namespace", name, "")
		}
		s.make(t, "ServiceAccount", "default", name)
	}
}

func (s *server) make(t *testing.T, kind, name, namespace string) {
	t.Helper()
	for _, p := range parts(t, text{"", fmt.Sprintf("apiVersion: v1\nkind: %s\nmetadata: {name: %s}\n", kind, name)}) {
		p.home = namespace
		stack.Check(t, s.create(t.Context(), p, false))
	}
}

func (s *server) wantTaken(t *testing.T, p part) {
	t.Helper()
	if err := s.create(t.Context(), p, true); err != nil {
		t.Errorf("%s: %v", p.name, err)
	}
}

// wrongValues are copies with a value of the right type that only a server knows to be wrong.
func wrongValues(t *testing.T, all []part) (wrong []mistake) {
	t.Helper()
	for _, w := range []struct {
		kind string
		keys []string
		to   any
	}{
		{"Service", []string{"spec", "type"}, "Headless"},
		{"ConfigMap", []string{"metadata", "name"}, "Kafka_Mesh"},
		{"Namespace", []string{"metadata", "name"}, "Kafka_Mesh"},
		{"ServiceAccount", []string{"metadata", "labels"}, map[string]any{"app": "not a label"}},
		{"Deployment", []string{"spec", "replicas"}, -1},
		{"Deployment", []string{"spec", "template", "spec", "restartPolicy"}, "Sometimes"},
		{"StatefulSet", []string{"spec", "podManagementPolicy"}, "Together"},
		{"Pod", []string{"spec", "dnsPolicy"}, "Any"},
		{"HorizontalPodAutoscaler", []string{"spec", "maxReplicas"}, 0},
		{"PodDisruptionBudget", []string{"spec", "maxUnavailable"}, "some"},
		{"NetworkPolicy", []string{"spec", "policyTypes"}, []any{"Sideways"}},
		{"PeerAuthentication", []string{"spec", "mtls", "mode"}, "STRICTER"},
		{"AuthorizationPolicy", []string{"spec", "action"}, "FORBID"},
		{"EnvoyFilter", []string{"spec", "priority"}, "high"},
		{"Gateway", []string{"spec", "listeners"}, []any{}},
		{"TCPRoute", []string{"spec", "rules"}, []any{}},
		{"GatewayClass", []string{"spec", "controllerName"}, "no path"},
		{"EnvoyPatchPolicy", []string{"spec", "type"}, "YAMLPatch"},
		{"EnvoyProxy", []string{"spec", "provider", "type"}, "Bare"},
		{"PodMonitor", []string{"spec", "selector"}, nil},
	} {
		before := len(wrong)
		for _, p := range all {
			parent, is := at(p.content, w.keys[:len(w.keys)-1]...).(map[string]any)
			if word(p.content, "kind") != w.kind || !is {
				continue
			}
			key := w.keys[len(w.keys)-1]
			old, was := parent[key]
			parent[key] = w.to
			wrong = append(wrong, mistake{p.copied(t), fmt.Sprintf(".%s: %v", strings.Join(w.keys, "."), w.to), ""})
			if parent[key] = old; !was {
				delete(parent, key)
			}
		}
		if len(wrong) == before {
			t.Errorf("there is no %s with %s", w.kind, strings.Join(w.keys, "."))
		}
	}
	return wrong
}
