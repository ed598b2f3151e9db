package conformance

import (
	"archive/zip"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// TestDefinitionsAreKafkas compares the definitions that requests are checked by with those of Kafka itself.
func TestDefinitionsAreKafkas(t *testing.T) {
	t.Parallel()
	libs, err := stack.KafkaLibs(t.Context(), stack.KafkaVersion)
	stack.Check(t, err)
	jar := filepath.Join(libs, "kafka-clients-"+stack.KafkaVersion+".jar")
	r, err := zip.OpenReader(jar)
	stack.Check(t, err)
	defer r.Close()
	kept, err := filepath.Glob("../../filter/wire/testdata/definitions/*.json")
	stack.Check(t, err)
	if len(kept) == 0 {
		t.Fatal("no definitions are kept")
	}
	for _, file := range kept {
		f, err := r.Open("common/message/" + filepath.Base(file))
		if err != nil {
			t.Error(err)
			continue
		}
		want, err := io.ReadAll(f)
		stack.Check(t, err)
		got, err := os.ReadFile(file)
		stack.Check(t, err)
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s and %s (-) differ:\n%s", file, jar, diff)
		}
	}
}
