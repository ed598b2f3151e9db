package main

import (
	"strings"
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/cmd/kafkamesh/survey"
)

// Whose token is used is said, and nothing that a terminal would obey, however it is called.
func TestIdentityIsTold(t *testing.T) {
	t.Parallel()
	for identity, want := range map[string]string{
		"arn:aws:iam::123456789012:role/kafka": "we log in as arn:aws:iam::123456789012:role/kafka; ",
		"mesh\x1b[2J\nEverything works.":       `we log in as "mesh\x1b[2J\nEverything works."; `,
		strings.Repeat("x", 300):               "we log in as " + strings.Repeat("x", 200) + "…; ",
		"":                                     "no broker can be used",
	} {
		if got := strings.Join(known(&survey.Cluster{Identity: identity}), "; "); !strings.HasPrefix(got, want) {
			t.Errorf("%q: %s, want %s", identity, got, want)
		}
	}
}
