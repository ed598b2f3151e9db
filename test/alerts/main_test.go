package alerts

import (
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

func TestMain(m *testing.M) { stack.Main(m, func() error { return nil }) }
