package matrix

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// TestPropertiesAreLibrdkafkas compares our table of librdkafka's properties with what the librdkafka of the matrix says.
func TestPropertiesAreLibrdkafkas(t *testing.T) {
	t.Parallel()
	root, err := stack.Root()
	stack.Check(t, err)
	clients, err := stack.Clients(t.Context())
	stack.Check(t, err)
	cmd := exec.CommandContext(t.Context(), "python3", filepath.Join(root, "build", "librdkafka-properties.py"), filepath.Join(clients, "python"))
	got, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(filepath.Join(root, "filter", "config", "librdkafka.tsv"))
	stack.Check(t, err)
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("filter/config/librdkafka.tsv differs (-ours +librdkafka's):\n%s", diff)
	}
}
