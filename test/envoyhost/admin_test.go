package envoyhost

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// TestContribShowsItsMeshes asks the admin listener of a plugin in the contrib image, which has no other way to tell metrics.
func TestContribShowsItsMeshes(t *testing.T) {
	t.Parallel()
	admin := stack.Addr(t)
	m := startAs(t, stack.EnvoyHostOptions{Contrib: true}, func(config string) (string, []byte) {
		text := fmt.Sprintf(`{"admin": {"address": %q}, %s`, admin, config[1:])
		return "type.googleapis.com/google.protobuf.StringValue", marshal(t, wrapperspb.String(text))
	})
	m.produce(t, 100)
	for path, want := range map[string]string{
		"/readyz": "ready\n", "/metrics": `envoy_kafkamesh_cluster_records{kafka_cluster="kafka_c1"} `, "/": "<h3>kafka_c1", "/status.json": `"host": "Envoy contrib"`,
		"/log": "Envoy has the log",
	} {
		stack.Wait(t, path, func() error {
			text, err := stack.Page(t.Context(), http.MethodGet, "http://"+admin+path)
			if err == nil && !strings.Contains(text, want) {
				err = fmt.Errorf("%.500s, want %q", text, want)
			}
			return err
		})
	}
}
