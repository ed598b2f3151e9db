package wire_test

import (
	"strings"
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

func TestValidTopicName(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"a": true, "Orders.v1_x-9": true, "...": true, ".a": true, "__consumer_offsets": true, strings.Repeat("n", 249): true,
		"": false, ".": false, "..": false, "a b": false, "a/b": false, "a:b": false, "a\x00": false, "ä": false,
		strings.Repeat("n", 250): false, strings.Repeat("n", 32767): false,
	} {
		if got := wire.ValidTopicName(name); got != want {
			t.Errorf("ValidTopicName(%.20q of %d bytes) = %t, want %t", name, len(name), got, want)
		}
	}
}

func TestClip(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		s    string
		n    int
		want string
	}{
		{"short", 5, "short"},
		{"longer", 5, "lo…"},
		{"aäää", 6, "aä…"},
		{"\xff\xff\xff\xff\xff\xff\xff\xff", 6, "\xff\xff\xff…"},
		{"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80", 8, "\x80…"},
	} {
		if got := wire.Clip(tt.s, tt.n); got != tt.want {
			t.Errorf("Clip(%q, %d) = %q, want %q", tt.s, tt.n, got, tt.want)
		}
	}
}
