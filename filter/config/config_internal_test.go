package config

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"

	kafkameshv1 "github.com/kafkamesh/envoy-kafka-mesh/proto/kafkamesh/v1"
)

// Every field, enum value, property and alias is in docs/configuration.md, and so are their bounds.
func TestDocumented(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	doc := string(raw)
	var words []string
	messages := kafkameshv1.File_kafkamesh_v1_kafka_mesh_proto.Messages()
	for i := range messages.Len() {
		words = append(words, messageWords(messages.Get(i))...)
	}
	for i := range messages.Len() {
		nested := messages.Get(i).Messages()
		for j := range nested.Len() {
			words = append(words, messageWords(nested.Get(j))...)
		}
	}
	if len(words) < 20 {
		t.Fatalf("only %d words to look for: %q", len(words), words)
	}
	for _, w := range words {
		if !strings.Contains(doc, "`"+w+"`") {
			t.Errorf("docs/configuration.md does not mention `%s`", w)
		}
	}
}

func messageWords(m protoreflect.MessageDescriptor) []string {
	if m.IsMapEntry() {
		return nil
	}
	words := fieldNames(m)
	for i := range m.Enums().Len() {
		values := m.Enums().Get(i).Values()
		for j := range values.Len() {
			words = append(words, string(values.Get(j).Name()))
		}
	}
	return words
}

// The configuration printed first in docs/configuration.md is the one that the tests load.
func TestDocumentedExample(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	example, err := os.ReadFile("testdata/cpp.yaml")
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(doc), "```yaml\n")
	if got, _, _ := strings.Cut(after, "```"); got != string(example) {
		t.Errorf("the first example of docs/configuration.md is\n%s\nwant testdata/cpp.yaml\n%s", got, example)
	}
}

// Every example of docs/configuration.md is a configuration that loads, or a part of one. Files that it names need not be here.
func TestDocumentedParts(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	examples := regexp.MustCompile("(?s)\n *```yaml\n(.*?)```").FindAllSubmatch(doc, -1)
	if len(examples) < 9 {
		t.Fatalf("%d examples", len(examples))
	}
	for _, found := range examples {
		example := string(found[1])
		raw := example
		if !strings.Contains(raw, "forwarding_rules:") {
			raw += "forwarding_rules: [{target_cluster: orders, topic_prefix: ''}]\n"
		}
		if !strings.Contains(raw, "upstream_clusters:") {
			raw += "upstream_clusters: [{cluster_name: orders, bootstrap_servers: a}, {cluster_name: kafka_c1, bootstrap_servers: b}, {cluster_name: kafka_c2, bootstrap_servers: c}]\n"
		}
		if strings.HasPrefix(raw, "  ") {
			raw = regexp.MustCompile("(?m)^  ").ReplaceAllString(raw, "")
		}
		_, err := Parse([]byte(raw))
		if err == nil {
			continue
		}
		for _, r := range Remarks(err) {
			if !strings.HasPrefix(r.Text, "there is no file ") {
				t.Errorf("an example of docs/configuration.md\n%s\n%v", example, r)
			}
		}
	}
}

func TestNearest(t *testing.T) {
	t.Parallel()
	known := []string{"acks", "client.id", "linger.ms", "topic.metadata.refresh.interval.ms", "a", strings.Repeat("x", 65)}
	for _, tt := range []struct{ wrong, want string }{
		{"asks", "acks"},
		{"ACKS", "acks"},
		{"max", ""},
		{"clientid", "client.id"},
		{"client-idd", "client.id"},
		{"linger_ms", "linger.ms"},
		{"linger", "linger.ms"},
		{"topic.metadata.refresh.intervall.ms", "topic.metadata.refresh.interval.ms"},
		{"topic.metadata.refresh.fast.interval.ms", ""},
		{"b", ""},
		{"A", "a"},
		{"", ""},
		{"...", ""},
		{strings.Repeat("x", 64), ""},
	} {
		if got := Nearest(tt.wrong, known); got != tt.want {
			t.Errorf("Nearest(%q) = %q, want %q", tt.wrong, got, tt.want)
		}
	}
}

func TestDistance(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"kitten", "sitting", 3}, {"ab", "ba", 2}, {"same", "same", 0}} {
		if got := distance(tt.a, tt.b); got != tt.want {
			t.Errorf("distance(%q, %q) = %d, want %d", tt.a, tt.b, got, tt.want)
		}
	}
}
