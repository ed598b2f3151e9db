package release

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// TestContainerFilesAreValid checks what no container engine is here to try: the Dockerfile with hadolint, and the compose file
// against the schema of the Compose specification.
func TestContainerFilesAreValid(t *testing.T) {
	t.Parallel()
	root, err := stack.Root()
	stack.Check(t, err)
	checkers, err := stack.Checkers(t.Context())
	stack.Check(t, err)
	for name, args := range map[string][]string{
		"Dockerfile": {filepath.Join(checkers, "bin", "hadolint"), "Dockerfile"},
		"compose.yaml": {
			"python3", "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", "examples/docker-compose/compose.yaml",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
			cmd.Dir = root
			cmd.Env = append(os.Environ(), "PYTHONPATH="+checkers)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}
