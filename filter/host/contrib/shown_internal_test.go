package contrib

import (
	"bytes"
	"encoding/json"
	"net/url"
	"testing"

	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/status"
)

// TestShown has a listener get another configuration: the one before is shown until it has had no client for a while, and again when it
// has.
func TestShown(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	l := newLoader(&log)
	l.shown = newShown(l.log)
	t.Cleanup(l.shown.board.Close)
	count := func(want int) {
		t.Helper()
		var told status.Status
		for len(told.Meshes) != want || told.Time.IsZero() { // what is told may be a moment old
			if _, text := l.shown.board.JSON(); json.Unmarshal([]byte(text), &told) != nil || t.Context().Err() != nil {
				t.Fatalf("%d meshes are shown, want %d", len(told.Meshes), want)
			}
		}
	}
	configuration := packed(t, wrapperspb.String(text))
	first := l.ParseConfig(configuration).(*mesh)
	count(1)
	second := l.ParseConfig(configuration).(*mesh)
	count(2)
	older, newer := l.shown.meshes[0], l.shown.meshes[1]
	first.stats.Connections.Add(3)
	counted := func() {
		t.Helper()
		for _, s := range l.shown.board.Samples() {
			if s.Name == "connections" && s.Value != 3 {
				t.Errorf("connections = %d, want 3 however often the mesh was hidden", s.Value)
			}
		}
	}
	l.shown.rest(older, true)
	count(1)
	l.shown.rest(newer, true) // there is no newer one
	count(1)
	l.shown.rest(older, false)
	count(2)
	counted()
	l.shown.rest(older, true)
	counted()
	third := l.ParseConfig(configuration).(*mesh)
	count(1)
	if code, text := l.shown.board.Ready(url.Values{}); code != 503 && code != 200 {
		t.Errorf("ready = %d, %s", code, text)
	}
	for _, m := range []*mesh{first, second, third} {
		m.filter.Close()
	}
}

func TestOnlyValidates(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		args []string
		want bool
	}{
		{[]string{"envoy", "-c", "e.yaml"}, false},
		{[]string{"envoy", "--mode", "validate"}, true},
		{[]string{"envoy", "--mode=validate", "-c", "e.yaml"}, true},
		{[]string{"envoy", "--mode", "serve"}, false},
		{[]string{"envoy", "--mode"}, false},
		{nil, false},
	} {
		if got := onlyValidates(tc.args); got != tc.want {
			t.Errorf("onlyValidates(%q) = %v, want %v", tc.args, got, tc.want)
		}
	}
}
