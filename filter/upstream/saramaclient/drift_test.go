package saramaclient_test

import (
	"testing"

	"github.com/IBM/sarama"
)

// TestNewerSaramaIsDecidedOn fails when sarama speaks a newer Kafka than the one that the take-over was tested with:
// run the end-to-end tests, read what changed in Broker.Open, and write the version down here.
func TestNewerSaramaIsDecidedOn(t *testing.T) {
	t.Parallel()
	if decided := sarama.V4_3_1_0; sarama.MaxVersion != decided {
		t.Errorf("sarama speaks Kafka %s, decided about is %s", sarama.MaxVersion, decided)
	}
}
