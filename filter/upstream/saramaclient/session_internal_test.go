package saramaclient

import (
	"reflect"
	"testing"
	"time"

	"github.com/IBM/sarama"
)

// sarama still keeps the end of a session where sessionEnd looks for it. (That it means what we think, the tests against Kafka
// see: test/secure.)
func TestSessionEnd(t *testing.T) {
	t.Parallel()
	b := sarama.NewBroker("127.0.0.1:1")
	field, ok := reflect.TypeFor[sarama.Broker]().FieldByName("clientSessionReauthenticationTimeMs")
	if !ok || field.Type.Kind() != reflect.Int64 {
		t.Fatalf("sarama.Broker has no such field: %v, %t", field, ok)
	}
	if end := sessionEnd(b); end != (time.Time{}) {
		t.Errorf("a broker without a session has one until %v", end)
	}
}
