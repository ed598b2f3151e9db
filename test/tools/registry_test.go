//go:build onrequest

package tools

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

const schema = `{"type":"record","name":"Apple","fields":[{"name":"colour","type":"string"}]}`

// TestRegistry has a schema registry that keeps schemas in a topic take one by the API of Confluent's, and know it again when it has
// started anew.
//
//nolint:tparallel // one way after the other
func TestRegistry(t *testing.T) {
	t.Parallel()
	onEachWay(t, func(t *testing.T, w way) {
		t.Helper()
		p, url := w.registry(t)
		body, err := json.Marshal(map[string]string{"schema": schema})
		stack.Check(t, err)
		stack.Check(t, send(t, http.MethodPost, url+"/subjects/apples-value/versions", string(body), http.StatusOK))
		p.Stop()
		_, url = w.registry(t)
		stack.Wait(t, "the schema", func() error {
			text, err := stack.Page(t.Context(), http.MethodGet, url+"/subjects/apples-value/versions/latest")
			if err != nil {
				return err
			}
			var found struct{ Schema string }
			if err := json.Unmarshal([]byte(text), &found); err != nil || found.Schema != schema {
				return fmt.Errorf("%w: %s", err, text)
			}
			return nil
		})
	})
}

// registry starts a registry and gives the address of its API.
func (w way) registry(t *testing.T) (*stack.Process, string) {
	t.Helper()
	addr := stack.Addr(t)
	host, port, err := net.SplitHostPort(addr)
	stack.Check(t, err)
	dir := filepath.Join(w.dir, "registry")
	p := launch(t, "the registry", exec.Command("java", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
		"-Dquarkus.http.host="+host, "-Dquarkus.http.port="+port, "-Dapicurio.storage.kind=kafkasql",
		"-Dapicurio.kafkasql.bootstrap.servers="+w.addr, "-Dapicurio.kafkasql.topic=registry-"+w.name,
		"-Dapicurio.kafkasql.snapshots.topic=registry-snapshots-"+w.name, "-Dapicurio.events.kafka.topic=registry-events-"+w.name,
		"-Dapicurio.kafkasql.consumer.group-prefix=registry-", "-jar", filepath.Join(dir, "registry.jar")))
	url := "http://" + addr + "/apis/ccompat/v7"
	stack.Wait(t, "the registry", func() error {
		_, err := stack.Page(t.Context(), http.MethodGet, url+"/subjects")
		return err
	})
	return p, url
}
