package manifests

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// lifted is a configuration of Envoy that what was found in a manifest is put into.
type lifted struct {
	root      map[string]any
	listeners int
}

// newLifted has the clusters that Istio's sidecars and gateways have, and that patches refer to.
func newLifted() *lifted {
	l := &lifted{root: map[string]any{"node": map[string]any{"id": "lifted", "cluster": "lifted"}, "static_resources": map[string]any{}}}
	for _, name := range []string{"PassthroughCluster", "BlackHoleCluster", "sds-grpc"} {
		l.cluster(map[string]any{"name": name, "type": "STATIC", "connect_timeout": "1s"})
	}
	return l
}

func (l *lifted) add(list string, item any) {
	static := l.root["static_resources"].(map[string]any)
	items, _ := static[list].([]any)
	static[list] = append(items, item)
}

func (l *lifted) cluster(c any) { l.add("clusters", c) }

func (l *lifted) listener(c any) {
	l.listeners++
	l.add("listeners", c)
}

// filters makes a listener of a chain of filters.
func (l *lifted) filters(chain ...any) {
	l.listener(map[string]any{
		"name":          "lifted-" + strconv.Itoa(l.listeners),
		"address":       map[string]any{"pipe": map[string]any{"path": fmt.Sprintf("@lifted-%d", l.listeners)}},
		"filter_chains": []any{map[string]any{"filters": chain}},
	})
}

// passing is the filter that passes bytes on, which patches replace or stand ahead of.
func passing() map[string]any {
	return map[string]any{"name": "envoy.filters.network.tcp_proxy", "typed_config": map[string]any{
		"@type":       "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
		"stat_prefix": "passing", "cluster": "PassthroughCluster",
	}}
}

// lift takes what is Envoy's out of a manifest. It gives nil for one that has nothing.
func lift(t *testing.T, d map[string]any) map[string]any {
	t.Helper()
	l := newLifted()
	switch word(d, "kind") {
	case "EnvoyFilter":
		for _, p := range list(d, "spec", "configPatches") {
			l.istio(t, word(p, "applyTo"), word(p, "patch", "operation"), at(p, "patch", "value"))
		}
	case "EnvoyPatchPolicy":
		l.gateway(t, list(d, "spec", "jsonPatches"))
	case "EnvoyProxy":
		var more map[string]any
		stack.Check(t, yaml.Unmarshal([]byte(word(d, "spec", "bootstrap", "value")), &more))
		merge(l.root, more)
	default:
		return nil
	}
	return l.root
}

// istio puts the value of one patch of an EnvoyFilter where Istio would.
func (l *lifted) istio(t *testing.T, applyTo, operation string, value any) {
	t.Helper()
	switch applyTo + " " + operation {
	case "LISTENER ADD":
		l.listener(value)
	case "CLUSTER ADD":
		l.cluster(value)
	case "NETWORK_FILTER REPLACE":
		l.filters(value)
	case "NETWORK_FILTER INSERT_BEFORE", "NETWORK_FILTER INSERT_FIRST":
		l.filters(value, passing())
	case "BOOTSTRAP MERGE":
		merge(l.root, value.(map[string]any))
	default:
		t.Errorf("nobody knows how to lift %s %s out of an EnvoyFilter", applyTo, operation)
	}
}

// gateway applies the patches of an EnvoyPatchPolicy to a listener like the one that Envoy Gateway makes for a TCPRoute.
func (l *lifted) gateway(t *testing.T, patches []any) {
	t.Helper()
	listeners := map[string]map[string]any{}
	for _, p := range patches {
		name := word(p, "name")
		if !strings.HasSuffix(word(p, "type"), ".Listener") {
			t.Errorf("nobody knows how to lift a patch of %s", word(p, "type"))
		}
		if listeners[name] == nil {
			listeners[name] = map[string]any{
				"name":    name,
				"address": map[string]any{"pipe": map[string]any{"path": "@" + name}},
				"filter_chains": []any{map[string]any{
					"name": "tcproute", "filters": []any{passing()},
				}},
				"per_connection_buffer_limit_bytes": 32768,
			}
			l.listener(listeners[name])
		}
		keys := strings.Split(word(p, "operation", "path"), "/")[1:]
		if err := replace(listeners[name], keys, word(p, "operation", "op"), at(p, "operation", "value")); err != nil {
			t.Errorf("%s: %v", strings.Join(keys, "/"), err)
		}
	}
}

// replace is a JSON patch that replaces what is below keys.
func replace(content any, keys []string, op string, value any) error {
	last := len(keys) == 1
	switch c := content.(type) {
	case map[string]any:
		if _, is := c[keys[0]]; op != "replace" || !is {
			return fmt.Errorf("%s: there is no %s", op, keys[0])
		}
		if last {
			c[keys[0]] = value
			return nil
		}
		return replace(c[keys[0]], keys[1:], op, value)
	case []any:
		i, err := strconv.Atoi(keys[0])
		if err != nil || i >= len(c) {
			return fmt.Errorf("%s: there is no item %s", op, keys[0])
		}
		if last {
			c[i] = value
			return nil
		}
		return replace(c[i], keys[1:], op, value)
	default:
		return fmt.Errorf("%s: nothing is below %s", op, keys[0])
	}
}

// merge adds what is in from: lists grow, and other values are replaced.
func merge(to, from map[string]any) {
	for key, value := range from {
		switch v := value.(type) {
		case map[string]any:
			if to[key] == nil {
				to[key] = map[string]any{}
			}
			merge(to[key].(map[string]any), v)
		case []any:
			items, _ := to[key].([]any)
			to[key] = append(items, v...)
		default:
			to[key] = v
		}
	}
}

// list is the list that stands below keys.
func list(content any, keys ...string) []any {
	items, _ := at(content, keys...).([]any)
	return items
}
