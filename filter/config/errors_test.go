package config_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/config"
)

var update = flag.Bool("update", false, "rewrite testdata/errors.golden; read it before committing")

// TestMessages compares every message, word by word, with testdata/errors.golden.
func TestMessages(t *testing.T) {
	t.Parallel()
	path := filepath.Join("testdata", "errors.golden")
	if *update {
		if err := os.WriteFile(path, []byte(goldenText(t)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want := make(map[string]string)
	for section := range strings.SplitSeq(string(testdata(t, "errors.golden")), "\n# ") {
		name, messages, _ := strings.Cut(section, "\n")
		want[strings.TrimPrefix(name, "# ")] = strings.TrimSpace(messages)
	}
	cases := append(textCases(), binaryCases(t)...)
	if len(want) != len(cases) {
		t.Errorf("%s has %d sections, want %d; -update rewrites it", path, len(want), len(cases))
	}
	for _, tt := range cases {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(want[tt.name], strings.TrimSpace(messages(tt.raw))); diff != "" {
				t.Errorf("messages of %q differ (-want +got); -update rewrites them:\n%s", tt.name, diff)
			}
		})
	}
}

func goldenText(tb testing.TB) string {
	tb.Helper()
	var b strings.Builder
	for _, tt := range append(textCases(), binaryCases(tb)...) {
		b.WriteString("# " + tt.name + "\n" + messages(tt.raw) + "\n")
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// messages returns what the user is told: the error's lines, else the warnings.
func messages(raw string) string {
	c, err := config.Parse([]byte(raw))
	if err != nil {
		return err.Error() + "\n"
	}
	var b strings.Builder
	for _, w := range c.Warnings {
		b.WriteString("warning: " + w.Error() + "\n")
	}
	return b.String()
}

// No message repeats a password: those of the cases all hold "hush" or "secret".
func TestMessagesKeepSecrets(t *testing.T) {
	t.Parallel()
	golden, err := os.ReadFile("testdata/errors.golden")
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"hush", "opens-the"} {
		if strings.Contains(string(golden), secret) {
			t.Errorf("testdata/errors.golden holds %q", secret)
		}
	}
}
