package envoyhost

import (
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/host/hosttest"
	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// TestContract runs the suite of all hosts.
func TestContract(t *testing.T) {
	t.Parallel()
	kinds(t, func(t *testing.T, contrib bool) {
		t.Helper()
		options := func(t *testing.T, config string) stack.EnvoyHostOptions {
			t.Helper()
			o := stack.EnvoyHostOptions{Contrib: contrib, Addr: stack.Addr(t), Workers: 2, Value: []byte(config)}
			if contrib {
				o.TypeURL, o.Value = structURL, asStruct(t, config)
			}
			return o
		}
		hosttest.Run(t, hosttest.Host{
			NoHalfClose: contrib,
			Start: func(t *testing.T, config string) string {
				t.Helper()
				o := options(t, config)
				host := stack.EnvoyHost(t, o)
				t.Cleanup(func() { stack.WantAlive(t, host.Process) })
				return o.Addr
			},
			Refuse: func(t *testing.T, config string) string {
				t.Helper()
				if contrib { // it goes on, and closes connections
					return stack.EnvoyHost(t, options(t, config)).Log()
				}
				host, err := stack.StartEnvoyHost(t.Context(), options(t, config))
				if err == nil {
					host.Close()
					t.Fatal("the configuration was taken")
				}
				return err.Error()
			},
		})
	})
}
