package config_test

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"

	kafkameshv1 "github.com/kafkamesh/envoy-kafka-mesh/proto/kafkamesh/v1"
)

// hidden is what no message may show.
const hidden = "s3cret-passw0rd"

// TestSecretsAreNotShown types a secret, in every way that people do, into every place of a configuration where a secret, a mapping or
// a list belongs, and into everything that says how to log in.
func TestSecretsAreNotShown(t *testing.T) {
	t.Parallel()
	places := secretPlaces()
	if len(places) < 300 {
		t.Fatalf("only %d places", len(places))
	}
	for _, place := range places {
		for _, value := range typed() {
			if isPublic(place) && (strings.HasPrefix(value, "{filename: "+hidden) || strings.HasPrefix(value, "{environment_variable")) {
				continue // the name of a file with nothing secret in it
			}
			text := fmt.Sprintf(place, value)
			if said := messages(text); strings.Contains(said, hidden) {
				t.Errorf("%s\nis told\n%s", text, said)
			}
		}
	}
}

// typed are the ways in which a secret is written, rightly or not.
func typed() []string {
	ways := []string{
		"%s", `"%s"`, "'%s'", "[%s]", "[[%s]]", "{%s}", "{%s: }", "{x: %s}", "{x:%s}", "x:%s", "password=%s", "{password=%s}",
		"{password:%s}", "{password: %s}", "joe:%s", "joe:%s@kafka:9092", "https://joe:%s@tokens/", "joe:x,%s@kafka",
		"@%s", "*%s", "&%s", "!%s", "!%s x", "%%%s", "`%s", "|%s", ">%s", "- %s", `"%s`, "'%s", "{%s", "[%s", "%s #x",
		"x #%s", "\t%s", "%s\\x", `"\%s"`, "“%s”", "${%s}", "$%s", "<<: %s", "{<<: %s}", "{a: &%s , b: *%s}", "1\n%s", "-----BEGIN %s",
		"{filename: %s}", "{environment_variable: %s}", "{inline_bytes: %s}", "{inline_string: [%s]}", "{inlineString: {x: %s}}",
		"{filename: {%s}}", "{inline_string: x, filename: %s}", "{filename: -----BEGIN %s}",
		"{username: %s, password: %s}", "{mechanism: PLAIN, username: %s, password: %s}", "{mechanism: MECHANISM_PLAIN %s}",
		"/tmp/x/%s", strings.Repeat("x", 90) + "%s" + strings.Repeat("x", 300),
	}
	for i, way := range ways {
		ways[i] = strings.ReplaceAll(way, "%s", hidden)
	}
	return ways
}

// secretPlaces are configurations with %s in one place.
func secretPlaces() []string {
	places := []string{"%s", "{%s}", "[%s]", "upstream_clusters: %s\n", "upstream_clusters:\n- %s\n", "x: %s\n"}
	const rest = "\nforwarding_rules: [{target_cluster: a, topic_prefix: ''}]\n"
	root := (&kafkameshv1.KafkaMesh{}).ProtoReflect().Descriptor()
	for _, path := range slices.Concat(expecting("", root), []string{"advertised_host: https://joe:%s@kafka", "bootstrap_servers: joe:%s@kafka", "bootstrap_servers: x,joe:%s"}) {
		if strings.HasPrefix(path, "bootstrap_servers") {
			places = append(places, "upstream_clusters:\n- cluster_name: a\n  "+path+rest)
			continue
		}
		places = append(places, "upstream_clusters:\n- cluster_name: a\n  bootstrap_servers: a\n  "+path+rest, path+"\n"+rest)
	}
	raw, _ := os.ReadFile("librdkafka.tsv")
	for line := range strings.Lines(string(raw)) {
		name, _, _ := strings.Cut(line, "\t")
		switch name {
		case "ssl.ca.location", "ssl.certificate.location", "ssl.crl.location", "https.ca.location": // names of public files
		default:
			places = append(places, withProperties("security.protocol: sasl_ssl, sasl.mechanism: PLAIN, "+name+": %s"))
		}
	}
	return append(places, withProperties("sasl.jaas.config: %s"), withProperties("x: %s"), withProperties("%s"))
}

func isPublic(place string) bool {
	return strings.Contains(place, "ca: %s") || strings.Contains(place, "certificate: %s") || strings.Contains(place, "crl: %s")
}

// expecting are the fields below d, as YAML with %s for their values, that want a secret, a mapping or a list, or say how to log in.
func expecting(before string, d protoreflect.MessageDescriptor) []string {
	var places []string
	for i := range d.Fields().Len() {
		f := d.Fields().Get(i)
		name := string(f.Name())
		at := before + name + ": %s" + strings.Repeat("}", strings.Count(before, "{"))
		switch {
		case f.IsMap(), f.IsList() && f.Kind() != protoreflect.MessageKind:
			places = append(places, at)
		case f.Kind() != protoreflect.MessageKind:
			public := strings.Contains(before, "ca: ") || strings.Contains(before, "certificate: ") || strings.Contains(before, "crl: ")
			if inside := strings.HasPrefix(before, "tls: ") || strings.HasPrefix(before, "sasl: "); inside && !public && !strings.Contains(at, "kerberos: {config: ") {
				places = append(places, at)
			}
		default:
			places = append(places, at)
			if name == "upstream_clusters" || name == "forwarding_rules" {
				places = append(places, expecting("", f.Message())...)
				continue
			}
			within := before + name + ": {"
			if name == "sasl" {
				for _, mechanism := range slices.Sorted(maps.Values(kafkameshv1.Sasl_Mechanism_name)) {
					places = append(places, expecting(within+"mechanism: "+mechanism+", ", f.Message())...)
				}
			}
			places = append(places, expecting(within, f.Message())...)
		}
	}
	return places
}
