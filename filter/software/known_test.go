package software_test

import (
	"regexp"
	"slices"
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/software"
)

func TestLabels(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"":                        software.Unnamed,
		"apache-kafka-java":       "apache-kafka-java",
		"apache-kafka-java 4.3.1": "apache-kafka-java",
		"confluent-kafka-python 2.16.1-rdkafka-2.16.0": "confluent-kafka-python",
		"kgo v1.22.2":         "kgo",
		"ClickHouse 25.3":     "clickhouse",
		"apache-kafka-java-2": software.Other,
		" 1.0":                software.Other,
	} {
		if got := software.Label(name); got != want {
			t.Errorf("Label(%q) = %s, want %s", name, got, want)
		}
	}
	labels := software.Labels()
	for i, label := range labels {
		if !regexp.MustCompile(`^[a-z0-9-]+$`).MatchString(label) || slices.Contains(labels[:i], label) {
			t.Errorf("label %q is there twice, or cannot be part of a metric's name", label)
		}
	}
	if !slices.Contains(labels, software.Label("anything")) || !slices.Contains(labels, software.Label("")) {
		t.Errorf("labels %v lack those of unknown clients", labels)
	}
}

func TestHabits(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		parts software.Parting
	}{
		{"librdkafka 2.0.2", software.PartsForLogin},
		{"apache-kafka-java 4.3.1", software.PartsForCalls},
		{"sarama v1.61.1", software.PartsForAny},
		{"something 1.0", software.PartsForAny},
		{"", software.PartsForAny},
	} {
		if parts := software.Parts(tt.name); parts != tt.parts {
			t.Errorf("%q: Parts = %d, want %d", tt.name, parts, tt.parts)
		}
	}
}
