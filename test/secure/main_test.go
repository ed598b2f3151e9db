package secure

import (
	"testing"

	gometrics "github.com/rcrowley/go-metrics"

	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

func TestMain(m *testing.M) {
	gometrics.UseNilMetrics = true // sarama's start a goroutine that never ends
	stack.Main(m, stopShared)
}
