package groups

import (
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

func TestMain(m *testing.M) { stack.Main(m, stopShared) }
